import NIOCore
import Seams
import WireCoding

/// The file that keeps the secret behind the passwords of sessions, so that clients can go on with their sessions after
/// a restart.
package enum SessionSecret {
    package static let size = 32
    private static let name = "session-secret"

    /// The secret of the data directory `directory`; made by `make`, and durable, when there is none.
    package static func read(
        in directory: String, of fileSystem: any FileSystem, _ make: () -> [UInt8]
    ) throws(StorageFailure) -> [UInt8] {
        let path = "\(directory)/\(name)"
        if try onDisk({ () throws(FileSystemError) in try fileSystem.attributes(path) }) != nil {
            var bytes = try onDisk { () throws(FileSystemError) in
                try fileSystem.open(path, .read).bytes(at: 0, count: size + 5)
            }
            guard bytes.readableBytes == size + 4, let secret = bytes.readBytes(length: size),
                bytes.readInteger(as: UInt32.self) == secret.withUnsafeBytes({ crc32c($0) })
            else {
                throw .damaged(
                    file: path, position: 0, cause: "it is no session secret (without the file, all sessions end)")
            }
            return secret
        }
        let secret = make()
        precondition(secret.count == size, "a session secret of \(secret.count) bytes")
        var bytes = ByteBuffer(bytes: secret)
        bytes.writeInteger(secret.withUnsafeBytes { crc32c($0) })
        try onDisk { () throws(FileSystemError) in
            let file = try fileSystem.open(path + ".partial", .readWrite)
            try file.write(bytes, at: 0)
            try file.truncate(to: bytes.readableBytes)
            try file.synchronize()
            try fileSystem.rename(path + ".partial", to: path)
            try fileSystem.synchronizeDirectory(directory)
        }
        return secret
    }
}
