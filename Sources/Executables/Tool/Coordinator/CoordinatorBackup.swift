import ArgumentParser
import CoordinatorKernel
import NIOCore
import Platform
import Seams
import Telemetry

/// `martlet coordinator backup`: one file of all that a coordinator has.
struct CoordinatorBackup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Write the state of a coordinator into one file.",
        discussion: """
            From a data directory: the coordinator may run; of a running member of an ensemble the last changes may be \
            uncommitted. From a running coordinator (--server): what is committed there.
            """)

    /// A running coordinator may remove or fill files while they are read.
    private static let attempts = 3

    @Argument(help: "The coordinator's dataDir.") var directory: String?
    @Option(help: "Its dataLogDir, if that is another directory.") var logDirectory: String?
    @OptionGroup var port: OperatorsPort
    @Option(help: "The file to write; it must not exist.") var to: String

    func validate() throws {
        guard (directory == nil) != (port.server == nil) else {
            throw ValidationError("name a data directory, or a coordinator by --server")
        }
    }

    func run() async throws {
        var output = StandardOutput()
        try await run(PosixFileSystem(), to: &output)
    }

    func run(_ disk: some FileSystem, to output: inout some TextOutputStream) async throws {
        let backup = Backup(disk, path: to)
        let contents =
            if let call = try port.call("snapshot?streaming=true", method: "GET") {
                try await Self.fetch(call, backup, disk)
            } else {
                try copy(backup, disk)
            }
        print("Wrote \(to): \(contents)", to: &output)
    }

    private func copy(_ backup: Backup, _ disk: some FileSystem) throws -> Backup.Contents {
        let directories = CoordinatorDirectories(directory ?? "", logDirectory: logDirectory)
        try directories.requireFiles(on: disk)
        var attempt = 1
        while true {
            do throws(StorageFailure) {
                return try backup.take(from: directories.settings)
            } catch {
                if case .occupied = error { throw error }
                if attempt == Self.attempts { throw error }
                attempt += 1
            }
        }
    }

    /// What comes is a backup only when it has been read and understood as a whole.
    private static func fetch(
        _ call: HTTPCall, _ backup: Backup, _ disk: some FileSystem
    ) async throws -> Backup.Contents {
        try backup.requireAbsence()
        try disk.remove(backup.partialPath)
        let file = try disk.open(backup.partialPath, .createNew)
        do {
            var position = 0
            let receive: (ByteBuffer) throws -> Void = { bytes in
                try bytes.withUnsafeReadableBytes { try file.write($0, at: position) }
                position += bytes.readableBytes
            }
            _ = try await call.send(receive: receive)
            return try backup.adopt()
        } catch {
            try disk.remove(backup.partialPath)
            throw error
        }
    }
}

/// `martlet coordinator restore`: a data directory from such a file, or what a running coordinator has.
struct CoordinatorRestore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make a data directory of a backup, or let a running coordinator take it.",
        discussion: """
            The directory must be empty or absent. Clients have to open new sessions; what belonged to the old ones \
            goes when these expire. A running coordinator (--server) must belong to no ensemble; its clients have to \
            come again.
            """)

    private static let pieceSize = 256 << 10

    @Argument(help: "The backup.") var file: String
    @Option(help: "The directory to make, a coordinator's dataDir.") var to: String?
    @Option(help: "Its dataLogDir, if that is to be another directory.") var logDirectory: String?
    @OptionGroup var port: OperatorsPort

    func validate() throws {
        guard (to == nil) != (port.server == nil) else {
            throw ValidationError("name the directory to make by --to, or a coordinator by --server")
        }
    }

    func run() async throws {
        var output = StandardOutput()
        try await run(PosixFileSystem(), to: &output)
    }

    func run(_ disk: some FileSystem, to output: inout some TextOutputStream) async throws {
        if var call = try port.call("restore", method: "POST") {
            let file = try disk.open(file, .read)
            let size = try file.size()
            call.headers.append(("Content-Type", "application/octet-stream"))
            // Until it has read all and answers.
            call.patience = .seconds(600)
            var position = 0
            _ = try await call.send(bodyLength: size) {
                guard position < size else { return nil }
                let piece = try file.bytes(at: position, count: min(Self.pieceSize, size - position))
                position += piece.readableBytes
                return piece
            }
            print("\(port.server ?? "") has taken \(self.file)", to: &output)
        } else {
            let directory = to ?? ""
            let settings = StorageSettings(snapshotDirectory: directory, logDirectory: logDirectory)
            let contents = try Backup(disk, path: file).restore(to: settings)
            print("Restored \(directory): \(contents)", to: &output)
        }
    }
}

extension Backup.Contents: CustomStringConvertible {
    package var description: String {
        "zxid 0x\(String(zxid, radix: 16)), \(nodeCount) nodes, \(sessionCount) sessions"
    }
}
