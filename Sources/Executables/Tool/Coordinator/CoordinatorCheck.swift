import ArgumentParser
import CoordinatorKernel
import Platform
import Seams

/// `martlet coordinator check`: whether a data directory is sound, and what a start would make of it.
struct CoordinatorCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check every checksum in a data directory, and say what a start would find.",
        discussion: """
            The coordinator must not run on it. Nothing is changed. The exit code is 0 when every file is sound and a \
            start would find all of it, and 1 otherwise.
            """)

    @OptionGroup var directories: CoordinatorDirectories

    func run() throws {
        var output = StandardOutput()
        guard try run(PosixFileSystem(), to: &output) else { throw ExitCode.failure }
    }

    /// Whether all is sound.
    func run(_ disk: some FileSystem, to output: inout some TextOutputStream) throws -> Bool {
        try directories.requireFiles(on: disk)
        let settings = directories.settings
        // Where there is no lock file nobody holds it, and none is to be made.
        var locks: [DirectoryLock] = []
        for directory in Set([settings.snapshotDirectory, settings.logDirectory]).sorted() {
            if try disk.attributes(directory + "/.lock") != nil { locks.append(try DirectoryLock(directory)) }
        }
        let check = try withExtendedLifetime(locks) { try DirectoryCheck(disk, settings) }
        for finding in check.findings {
            print("\(finding.isSound ? "sound   " : "DAMAGED ") \(finding.path): \(finding.text)", to: &output)
        }
        switch check.outcome {
        case .success(let outcome):
            for warning in outcome.warnings { print("A start would say: \(warning)", to: &output) }
            let snapshot =
                outcome.snapshotZxid.map { "the snapshot of zxid 0x\(String($0, radix: 16))" } ?? "no snapshot"
            print(
                "A start would find \(snapshot) and \(outcome.replayedCount) changes behind it: zxid "
                    + "0x\(String(outcome.lastZxid, radix: 16)), \(outcome.nodeCount) nodes, "
                    + "\(outcome.sessionCount) sessions", to: &output)
        case .failure(let failure): print("A start would be refused: \(failure)", to: &output)
        }
        return check.isSound
    }
}
