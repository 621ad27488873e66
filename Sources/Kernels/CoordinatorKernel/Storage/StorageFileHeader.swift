import NIOCore
import Seams
import WireCoding

/// The first bytes of each of the coordinator's files: what it is, the version of its format, its zxid, a CRC.
enum StorageFileHeader {
    static let size = 24
    static let version: UInt32 = 1

    enum Kind: UInt64 {
        /// `MARTLETL`
        case log = 0x4d41_5254_4c45_544c
        /// `MARTLETS`
        case snapshot = 0x4d41_5254_4c45_5453
    }

    static func bytes(_ kind: Kind, zxid: Int64) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(kind.rawValue)
        buffer.writeInteger(version)
        buffer.writeInteger(zxid)
        buffer.writeInteger(buffer.withUnsafeReadableBytes { crc32c($0) })
        return buffer
    }

    /// What a snapshot's header says; nil when it is none. Whether the header is sound is for ``fault(of:_:zxid:)``.
    static func zxid(of file: any File) throws(FileSystemError) -> Int64? {
        var found = try file.bytes(at: 0, count: size)
        guard found.readInteger(as: UInt64.self) == Kind.snapshot.rawValue, found.readInteger(as: UInt32.self) != nil
        else { return nil }
        return found.readInteger(as: Int64.self)
    }

    /// Why `file` does not start as a file of this kind and zxid does; nil when it does.
    static func fault(of file: any File, _ kind: Kind, zxid: Int64) throws(FileSystemError) -> String? {
        var found = try file.bytes(at: 0, count: size)
        let expected = bytes(kind, zxid: zxid)
        if found == expected { return nil }
        let checked = found.getSlice(at: 0, length: size - 4)
        guard found.readInteger(as: UInt64.self) == kind.rawValue, let checked,
            let version = found.readInteger(as: UInt32.self),
            found.getInteger(at: size - 4, as: UInt32.self) == checked.withUnsafeReadableBytes({ crc32c($0) })
        else { return "it does not start with its header" }
        return version == Self.version
            ? "its header speaks of another zxid than its name"
            : "it is of version \(version), which this release does not know"
    }
}

extension File {
    /// Bytes from `position` on, as many as there are up to `count`.
    package func bytes(at position: Int, count: Int) throws(FileSystemError) -> ByteBuffer {
        var buffer = ByteBuffer()
        var failure: FileSystemError?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            do throws(FileSystemError) {
                return try read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: position)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return buffer
    }

    func write(_ buffer: ByteBuffer, at position: Int) throws(FileSystemError) {
        let outcome: Result<Void, FileSystemError> = buffer.withUnsafeReadableBytes { bytes in
            do throws(FileSystemError) {
                return .success(try write(bytes, at: position))
            } catch {
                return .failure(error)
            }
        }
        try outcome.get()
    }
}
