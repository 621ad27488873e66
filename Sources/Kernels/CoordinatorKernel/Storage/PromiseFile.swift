import NIOCore
import Quorum
import Seams
import WireCoding

/// The file that keeps what a member of an ensemble has promised in elections, and which ensemble it is a member of.
///
/// It is replaced as a whole, and durable before anybody is told. On disk, big-endian: a mark (8 bytes), the version of
/// the format (4), the epoch (4), whether there is a vote (1), the vote (8), the member's standing (1), the settled
/// version (8), whether there is an ensemble (1), the ensemble (16), CRC-32C of all that (4).
package struct PromiseFile: Sendable {
    /// What the file holds. A member without the file has promised nothing.
    package struct Contents: Sendable, Equatable {
        package var promise: QuorumPromise
        /// ``ensembleSize`` bytes, or none as long as the member belongs to no ensemble.
        package var ensemble: [UInt8]

        package init(_ promise: QuorumPromise = QuorumPromise(), ensemble: [UInt8] = []) {
            self.promise = promise
            self.ensemble = ensemble
        }
    }

    package static let ensembleSize = 16
    private static let name = "promise"
    /// `MARTLETP`
    private static let mark: UInt64 = 0x4d41_5254_4c45_5450
    private static let version: UInt32 = 1
    private static let size = 55

    private let fileSystem: any FileSystem
    private let directory: String

    private var path: String { "\(directory)/\(Self.name)" }

    /// The file lies with the snapshots.
    package init(_ fileSystem: any FileSystem, _ settings: StorageSettings) {
        self.fileSystem = fileSystem
        directory = settings.snapshotDirectory
    }

    /// What was written last. A file that cannot be understood is damage: a promise that is forgotten can be broken.
    package func read() throws(StorageFailure) -> Contents {
        let bytes = try onDisk { () throws(FileSystemError) -> ByteBuffer? in
            // A process may have been killed when the new name was not durable yet; from now on it is relied on.
            try fileSystem.synchronizeDirectory(directory)
            guard try fileSystem.attributes(path) != nil else { return nil }
            return try fileSystem.open(path, .read).bytes(at: 0, count: Self.size + 1)
        }
        guard let bytes else { return Contents() }
        let contents = Self.contents(of: bytes)
        guard let contents else {
            throw .damaged(
                file: path, position: 0,
                cause: "it does not tell what this member has promised to the others of its ensemble")
        }
        return contents
    }

    /// What was written last, for a start. Where a file `initialize` lies, as for Apache ZooKeeper, an operator says that
    /// nothing was ever lost from this directory: a member without anything votes from the beginning. The file is removed.
    package func begin() throws(StorageFailure) -> Contents {
        var contents = try read()
        let declaration = "\(directory)/initialize"
        let isDeclared = try onDisk { () throws(FileSystemError) in try fileSystem.attributes(declaration) != nil }
        guard isDeclared else { return contents }
        if contents.promise.standing == .blank {
            contents.promise.standing = .voting
            try write(contents)
        }
        try onDisk { () throws(FileSystemError) in
            try fileSystem.remove(declaration)
            try fileSystem.synchronizeDirectory(directory)
        }
        return contents
    }

    /// Replaces what the file holds. It is durable on return; after a failure it may be or not.
    package func write(_ contents: Contents) throws(StorageFailure) {
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
        let ensemble = contents.ensemble
        precondition(ensemble.isEmpty || ensemble.count == ensembleSize, "an ensemble of \(ensemble.count) bytes")
        var bytes = ByteBuffer()
        bytes.writeInteger(mark)
        bytes.writeInteger(version)
        let promise = contents.promise
        bytes.writeInteger(promise.epoch)
        bytes.writeInteger(UInt8(promise.votedFor == nil ? 0 : 1))
        bytes.writeInteger(promise.votedFor?.number ?? 0)
        bytes.writeInteger(promise.standing.rawValue)
        bytes.writeInteger(promise.settledVersion)
        bytes.writeInteger(UInt8(ensemble.isEmpty ? 0 : 1))
        bytes.writeBytes(ensemble.isEmpty ? [UInt8](repeating: 0, count: ensembleSize) : ensemble)
        bytes.writeInteger(bytes.withUnsafeReadableBytes { crc32c($0) })
        return bytes
    }

    /// nil when `bytes` are not what ``bytes(of:)`` makes of some contents.
    private static func contents(of bytes: ByteBuffer) -> Contents? {
        var bytes = bytes
        guard bytes.readableBytes == size, bytes.readInteger(as: UInt64.self) == mark,
            bytes.readInteger(as: UInt32.self) == version,
            let epoch = bytes.readInteger(as: Int32.self), let hasVote = bytes.readInteger(as: UInt8.self),
            let vote = bytes.readInteger(as: Int64.self),
            let standing = bytes.readInteger(as: UInt8.self).flatMap(QuorumPromise.Standing.init),
            let settledVersion = bytes.readInteger(as: Int64.self),
            let hasEnsemble = bytes.readInteger(as: UInt8.self),
            let ensemble = bytes.readBytes(length: ensembleSize),
            let crc = bytes.readInteger(as: UInt32.self)
        else { return nil }
        bytes.moveReaderIndex(to: 0)
        guard bytes.readSlice(length: size - 4)?.withUnsafeReadableBytes({ crc32c($0) }) == crc else { return nil }
        let promise = QuorumPromise(
            epoch: epoch, votedFor: hasVote == 1 ? MemberID(vote) : nil, standing: standing,
            settledVersion: settledVersion)
        return Contents(promise, ensemble: hasEnsemble == 1 ? ensemble : [])
    }
}
