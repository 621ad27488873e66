import ArgumentParser
import CoordinatorKernel
import Platform
import Seams

/// `martlet coordinator rebuild`: lets a member of an ensemble fetch everything from the others.
struct CoordinatorRebuild: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild", abstract: "Let a member with damaged files fetch everything from its ensemble again.",
        discussion: """
            The member must not run. Its snapshots and its log are kept in a folder damaged-<seconds since 1970>. When \
            it is started it has no vote until it has caught up with the others.
            """)

    @OptionGroup var directories: CoordinatorDirectories

    func run() throws {
        var output = StandardOutput()
        try directories.requireFiles(on: PosixFileSystem())
        let locks = try directories.lock()
        try withExtendedLifetime(locks) {
            try run(PosixFileSystem(), seconds: WallClock.milliseconds() / 1000, to: &output)
        }
    }

    /// - Parameter seconds: since 1970.
    func run(_ disk: some FileSystem, seconds: Int64, to output: inout some TextOutputStream) throws {
        let moved = try Rebuild(disk, directories.settings).perform(settingAsideAs: "damaged-\(seconds)")
        for path in moved { print("Kept \(path)", to: &output) }
        print(
            "\(directories.settings.snapshotDirectory) will be rebuilt from its ensemble at the next start", to: &output
        )
    }
}
