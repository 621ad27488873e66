import ArgumentParser
import Simulation

/// Runs simulations for as long as wished, and shows what led to a violation.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run ensembles of coordinators under simulated failures, seed after seed, and check what must hold.",
        discussion: "Ends with 1 at the first seed whose run breaks a rule, after its last steps.")

    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case quorum, ensemble
    }

    @Argument(help: "What is simulated: the quorum's members alone, or whole coordinators with their clients.")
    var kind = Kind.quorum

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
        var (next, committed) = (seed, 0)
        while next <= last, end.map({ ContinuousClock.now < $0 }) ?? true {
            let outcome = outcome(of: next, traces: false)
            committed += outcome.committed
            if !outcome.violations.isEmpty { throw show(next) }
            next += 1
        }
        print("\(next - seed) seeds, \(committed) changes committed, in \(ContinuousClock.now - start)")
    }

    private struct Outcome {
        var violations: [String]
        var committed: Int
        var trace: [String]
    }

    private func outcome(of seed: UInt64, traces: Bool) -> Outcome {
        switch kind {
        case .quorum:
            let run = QuorumRun(seed: seed, traces: traces)
            return Outcome(violations: run.violations, committed: run.committedCount, trace: run.traceLines)
        case .ensemble:
            let run = EnsembleRun(seed: seed, traces: traces)
            return Outcome(violations: run.violations, committed: run.acknowledgedCount, trace: run.traceLines)
        }
    }

    /// Lives through the seed once more, and keeps the steps.
    private func show(_ seed: UInt64) -> ExitCode {
        let outcome = outcome(of: seed, traces: true)
        for line in outcome.trace.suffix(lines) { print(line) }
        print("seed \(seed) breaks a rule:")
        for violation in outcome.violations { print("  \(violation)") }
        return ExitCode(1)
    }
}
