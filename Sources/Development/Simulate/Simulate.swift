import ArgumentParser
import Simulation

/// Runs simulations for as long as wished, and shows what led to a violation.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run ensembles of coordinators under simulated failures, seed after seed, and check what must hold.",
        discussion: "Ends with 1 at the first seed whose run breaks a rule, after its last steps.")

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds; without it, and without --minutes, one.")
    var seeds: UInt64?

    @Option(help: "Goes on from seed to seed for so long.")
    var minutes: Double?

    @Option(help: "Steps to show of a run that breaks a rule.")
    var lines = 200

    func validate() throws {
        if let minutes, minutes <= 0 { throw ValidationError("--minutes \(minutes) is no time") }
        if seeds == 0 { throw ValidationError("--seeds 0 is nothing to run") }
        if lines < 0 { throw ValidationError("--lines \(lines) is below 0") }
    }

    func run() throws {
        let start = ContinuousClock.now
        let end = minutes.map { start + .seconds($0 * 60) }
        let last = seeds.map { seed + ($0 - 1) } ?? (minutes == nil ? seed : .max)
        print("from seed \(seed)")
        var (next, committed, steps) = (seed, 0, 0)
        while next <= last, end.map({ ContinuousClock.now < $0 }) ?? true {
            let run = QuorumRun(seed: next)
            committed += run.committedCount
            steps += run.stepCount
            if !run.violations.isEmpty { throw show(next) }
            next += 1
        }
        print("\(next - seed) seeds, \(steps) steps, \(committed) changes committed, in \(ContinuousClock.now - start)")
    }

    /// Lives through the seed once more, and keeps the steps.
    private func show(_ seed: UInt64) -> ExitCode {
        let run = QuorumRun(seed: seed, traces: true)
        for line in run.traceLines.suffix(lines) { print(line) }
        print("seed \(seed) breaks a rule:")
        for violation in run.violations { print("  \(violation)") }
        return ExitCode(1)
    }
}
