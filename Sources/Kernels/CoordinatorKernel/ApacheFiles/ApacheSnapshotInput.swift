import NIOCore
import Records
import Seams
import WireCoding
import ZooKeeperProtocol

/// The bytes of a snapshot of Apache ZooKeeper, decompressed, with the running checksum that its seals speak of.
struct ApacheSnapshotInput {
    private static let pieceSize = 1 << 20
    /// What a compressed snapshot may become; it is decompressed as a whole.
    private static let largestDecompressed = 2 << 30

    private let file: any File
    private let size: Int
    /// Where the next piece of the file starts; the file's end when it came as a whole.
    private var nextPiece = 0
    private var buffer = ByteBuffer()
    private var checksum = Adler32()
    /// Decompressed bytes that were taken.
    private var position = 0

    /// - Parameter codec: by the name of the file.
    init(_ fileSystem: any FileSystem, path: String, _ codec: CompressionCodec) throws(StorageFailure) {
        (file, size) = try onDisk { () throws(FileSystemError) in
            let file = try fileSystem.open(path, .read)
            return (file, try file.size())
        }
        guard codec != .none else { return }
        let file = file
        let size = size
        let compressed = try onDisk { () throws(FileSystemError) in try file.bytes(at: 0, count: size) }
        nextPiece = size
        do {
            buffer = try codec.decompress(compressed, limit: Self.largestDecompressed)
        } catch {
            throw damage("what \(codec) has compressed cannot be decompressed (\(error))")
        }
    }

    /// What is left, counted up to `limit`.
    mutating func remaining(upTo limit: Int) throws(StorageFailure) -> Int {
        try fill(limit)
        return min(limit, buffer.readableBytes)
    }

    mutating func int32() throws(StorageFailure) -> Int32 {
        var bytes = try take(4)
        return bytes.readInteger() ?? 0
    }

    mutating func int64() throws(StorageFailure) -> Int64 {
        var bytes = try take(8)
        return bytes.readInteger() ?? 0
    }

    mutating func string() throws(StorageFailure) -> String {
        let length = try int32()
        if length == -1 { return "" }
        let bytes = try take(Int(length))
        let text = bytes.withUnsafeReadableBytes { String(validating: $0, as: UTF8.self) }
        guard let text else { throw damage("text that is not UTF-8") }
        return text
    }

    /// nil for null. It has memory of its own.
    mutating func bytes() throws(StorageFailure) -> ByteBuffer? {
        let length = try int32()
        return length == -1 ? nil : try take(Int(length)).ownCopy
    }

    mutating func acl() throws(StorageFailure) -> [ACL] {
        let count = try int32()
        guard count >= -1 else { throw damage("a negative length") }
        var list: [ACL] = []
        for _ in 0..<max(0, count) {
            let permissions = Permissions(rawValue: try int32())
            list.append(ACL(permissions, ZooKeeperID(scheme: try string(), id: try string())))
        }
        return list == ACL.open ? ACL.open : list
    }

    /// Checks that the bytes so far are those that were written: their checksum follows, and a "/".
    mutating func checkSeal() throws(StorageFailure) {
        let expected = checksum.value
        let found = try int64()
        guard UInt64(bitPattern: found) == expected, try string() == "/" else {
            throw damage("the checksum of what is before is wrong")
        }
    }

    func damage(_ cause: String) -> StorageFailure {
        .damaged(file: file.path, position: position, cause: cause)
    }

    private mutating func take(_ count: Int) throws(StorageFailure) -> ByteBuffer {
        guard count >= 0 else { throw damage("a negative length") }
        try fill(count)
        guard let bytes = buffer.readSlice(length: count) else { throw damage("it ends too early") }
        bytes.withUnsafeReadableBytes { checksum.update($0) }
        position += count
        return bytes
    }

    /// Reads on until `count` bytes are there or the file ends.
    private mutating func fill(_ count: Int) throws(StorageFailure) {
        guard buffer.readableBytes < count, nextPiece < size else { return }
        let piece = max(Self.pieceSize, count - buffer.readableBytes)
        let file = file
        let start = nextPiece
        var bytes = try onDisk { () throws(FileSystemError) in
            try file.bytes(at: start, count: min(piece, size - start))
        }
        nextPiece += bytes.readableBytes
        var joined = ByteBuffer()
        joined.reserveCapacity(buffer.readableBytes + bytes.readableBytes)
        joined.writeBuffer(&buffer)
        joined.writeBuffer(&bytes)
        buffer = joined
    }
}
