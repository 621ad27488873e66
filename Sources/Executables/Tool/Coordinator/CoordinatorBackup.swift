import ArgumentParser
import CoordinatorKernel
import Platform
import Seams

/// `martlet coordinator backup`: one file of all that a data directory holds.
struct CoordinatorBackup: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Write the state of a data directory into one file.",
        discussion: "The coordinator may run; of a running member of an ensemble the last changes may be uncommitted.")

    /// A running coordinator may remove or fill files while they are read.
    private static let attempts = 3

    @OptionGroup var directories: CoordinatorDirectories
    @Option(help: "The file to write; it must not exist.") var to: String

    func run() throws {
        var output = StandardOutput()
        try run(PosixFileSystem(), to: &output)
    }

    func run(_ disk: some FileSystem, to output: inout some TextOutputStream) throws {
        try directories.requireFiles(on: disk)
        let backup = Backup(disk, path: to)
        for attempt in 1... {
            do throws(StorageFailure) {
                let contents = try backup.take(from: directories.settings)
                return print("Wrote \(to): \(contents)", to: &output)
            } catch {
                if case .occupied = error { throw error }
                if attempt == Self.attempts { throw error }
            }
        }
    }
}

/// `martlet coordinator restore`: a data directory from such a file.
struct CoordinatorRestore: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make a data directory of a backup.",
        discussion: """
            The directory must be empty or absent. Clients have to open new sessions; what belonged to the old ones \
            goes when these expire.
            """)

    @Argument(help: "The backup.") var file: String
    @Option(help: "The directory to make, a coordinator's dataDir.") var to: String
    @Option(help: "Its dataLogDir, if that is to be another directory.") var logDirectory: String?

    func run() throws {
        var output = StandardOutput()
        try run(PosixFileSystem(), to: &output)
    }

    func run(_ disk: some FileSystem, to output: inout some TextOutputStream) throws {
        let settings = StorageSettings(snapshotDirectory: to, logDirectory: logDirectory)
        let contents = try Backup(disk, path: file).restore(to: settings)
        print("Restored \(to): \(contents)", to: &output)
    }
}

extension Backup.Contents: CustomStringConvertible {
    package var description: String {
        "zxid 0x\(String(zxid, radix: 16)), \(nodeCount) nodes, \(sessionCount) sessions"
    }
}
