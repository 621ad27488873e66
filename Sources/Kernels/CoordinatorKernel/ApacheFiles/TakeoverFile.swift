import NIOCore
import Seams
import WireCoding

/// The file that says what was taken over from Apache ZooKeeper, for as long as the data directory lives.
///
/// Its sessions are the ones whose clients may show the passwords that Apache ZooKeeper gave them. On disk, big-endian: a
/// mark (8 bytes), the version of the format (4), the zxid (8), the epoch (8), the number of sessions (4) and each (8),
/// CRC-32C of all that (4).
package struct TakeoverFile: Sendable {
    package struct Contents: Sendable, Equatable {
        /// Of the last change that was taken over.
        package var zxid: Int64
        /// The highest epoch that Apache ZooKeeper had accepted: our first leader's is above it.
        package var epoch: Int64
        /// Sessions that were open, ascending.
        package var sessions: [Int64]
    }

    private static let name = "takeover"
    /// `MARTLETA`
    private static let mark: UInt64 = 0x4d41_5254_4c45_5441
    private static let version: UInt32 = 1

    private let fileSystem: any FileSystem
    private let directory: String

    private var path: String { "\(directory)/\(Self.name)" }

    /// The file lies with the snapshots.
    package init(_ fileSystem: any FileSystem, _ settings: StorageSettings) {
        self.fileSystem = fileSystem
        directory = settings.snapshotDirectory
    }

    /// nil where nothing was taken over.
    package func read() throws(StorageFailure) -> Contents? {
        let bytes = try onDisk { () throws(FileSystemError) -> ByteBuffer? in
            guard try fileSystem.attributes(path) != nil else { return nil }
            let file = try fileSystem.open(path, .read)
            return try file.bytes(at: 0, count: try file.size())
        }
        guard let bytes else { return nil }
        guard let contents = Self.contents(of: bytes) else {
            throw .damaged(
                file: path, position: 0, cause: "it does not tell which sessions were taken over from ZooKeeper")
        }
        return contents
    }

    /// Durable on return.
    func write(_ contents: Contents) throws(StorageFailure) {
        let bytes = Self.bytes(of: contents)
        try onDisk { () throws(FileSystemError) in
            let file = try fileSystem.open(path + ".partial", .readWrite)
            try file.write(bytes, at: 0)
            try file.truncate(to: bytes.readableBytes)
            try file.synchronize()
            try fileSystem.rename(path + ".partial", to: path)
            try fileSystem.synchronizeDirectory(directory)
        }
    }

    private static func bytes(of contents: Contents) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(mark)
        bytes.writeInteger(version)
        bytes.writeInteger(contents.zxid)
        bytes.writeInteger(contents.epoch)
        bytes.writeInteger(UInt32(contents.sessions.count))
        for session in contents.sessions { bytes.writeInteger(session) }
        bytes.writeInteger(bytes.withUnsafeReadableBytes { crc32c($0) })
        return bytes
    }

    /// nil when `bytes` are not what ``bytes(of:)`` makes of some contents.
    private static func contents(of bytes: ByteBuffer) -> Contents? {
        var rest = bytes
        guard rest.readInteger(as: UInt64.self) == mark, rest.readInteger(as: UInt32.self) == version,
            let zxid = rest.readInteger(as: Int64.self), let epoch = rest.readInteger(as: Int64.self),
            let count = rest.readInteger(as: UInt32.self), rest.readableBytes == Int(count) * 8 + 4
        else { return nil }
        let sessions = (0..<count).compactMap { _ in rest.readInteger(as: Int64.self) }
        let contents = Contents(zxid: zxid, epoch: epoch, sessions: sessions)
        return Self.bytes(of: contents) == bytes ? contents : nil
    }
}
