import ArgumentParser
import CoordinatorKernel
import Platform
import Seams

/// `martlet coordinator`: looking after coordinators and their data directories.
struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator", abstract: "Look after coordinators and their data directories.",
        subcommands: [
            CoordinatorStatus.self, CoordinatorCheck.self, CoordinatorBackup.self, CoordinatorRestore.self,
            CoordinatorRebuild.self,
        ])
}

/// The directories of a coordinator on this machine.
struct CoordinatorDirectories: ParsableArguments {
    @Argument(help: "The coordinator's dataDir.") var directory: String
    @Option(help: "Its dataLogDir, if that is another directory.") var logDirectory: String?

    init() {}

    init(_ directory: String, logDirectory: String?) {
        self.directory = directory
        self.logDirectory = logDirectory
    }

    var settings: StorageSettings {
        StorageSettings(
            snapshotDirectory: Self.plain(directory), logDirectory: logDirectory.map { Self.plain($0) })
    }

    /// Whether there is anything in them that a coordinator, ours or Apache's, keeps.
    func requireFiles(on disk: some FileSystem) throws {
        for directory in [settings.snapshotDirectory, settings.logDirectory] {
            guard try disk.attributes(directory)?.isDirectory == true else {
                throw CommandFailure("\(directory) is no directory")
            }
            let names = try disk.list(directory)
            if names.contains(where: { $0.hasPrefix("snapshot.") || $0.hasPrefix("log.") }) { return }
            if names.contains("version-2") || names.contains("promise") { return }
        }
        throw CommandFailure("\(settings.snapshotDirectory) holds no files of a coordinator")
    }

    /// Claims the directories, as a coordinator does that runs on them.
    func lock() throws -> [DirectoryLock] {
        try Set([settings.snapshotDirectory, settings.logDirectory]).sorted()
            .map { directory throws(DirectoryLock.Refusal) in try DirectoryLock(directory) }
    }

    /// Without slashes at the end, so that one directory has one name.
    private static func plain(_ directory: String) -> String {
        var rest = Substring(directory)
        while rest.utf8.count > 1, rest.hasSuffix("/") { rest = rest.dropLast() }
        return String(rest)
    }
}
