import ArgumentParser
import Glibc
import Simulation

/// Runs simulations for as long as wished, and shows what led to a violation.
@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run servers under simulated failures, seed after seed, and check what must hold.",
        discussion: """
            Says every half minute how far it is. Ends with 1 at the first seed whose run breaks a rule, after its last \
            steps and the command that runs it again.
            """)

    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case quorum, coordinator, ensemble, broker, cluster, lonely, members, regions
    }

    @Argument(
        help: """
            What is simulated: the quorum's members alone, one coordinator on a failing disk, ensembles of whole \
            coordinators with their clients, one broker on a failing disk, a cluster of brokers with its clients, one \
            whose leaders are left alone and lose their power, or two regions with a mirror between them.
            """)
    var kind = Kind.quorum

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds; without it, and without --minutes, one.")
    var seeds: UInt64?

    @Option(help: "Goes on from seed to seed for so long.")
    var minutes: Double?

    @Option(help: "Steps to show of a run that breaks a rule.")
    var lines = 200

    @Flag(help: "Prints for each seed a digest of all that happened: the same in every process.")
    var digests = false

    func validate() throws {
        if let minutes, minutes <= 0 { throw ValidationError("--minutes \(minutes) is no time") }
        if seeds == 0 { throw ValidationError("--seeds 0 is nothing to run") }
        if lines < 0 { throw ValidationError("--lines \(lines) is below 0") }
    }

    func run() throws {
        let start = ContinuousClock.now
        let end = minutes.map { start + .seconds($0 * 60) }
        let last = seeds.map { seed + ($0 - 1) } ?? (minutes == nil ? seed : .max)
        say("\(kind), from seed \(seed)")
        var (next, acknowledged) = (seed, 0)
        var occurrences: [String: Int] = [:]
        var simulatedTime = Duration.zero
        var nextReport = start + .seconds(30)
        while next <= last, end.map({ ContinuousClock.now < $0 }) ?? true {
            let outcome = try Outcome(of: kind, next, traces: false)
            acknowledged += outcome.acknowledged
            occurrences.merge(outcome.occurrences, uniquingKeysWith: +)
            simulatedTime += outcome.simulatedTime
            if digests { say("seed \(next): \(outcome.digest)") }
            if !outcome.violations.isEmpty { throw try show(next) }
            next += 1
            if ContinuousClock.now >= nextReport {
                nextReport += .seconds(30)
                say("\(next - seed) seeds, \(acknowledged) changes acknowledged, in \(elapsed(since: start)) s")
            }
        }
        say("\(next - seed) seeds, \(acknowledged) changes acknowledged, in \(elapsed(since: start)) s")
        if simulatedTime > .zero { say("\(simulatedTime.components.seconds) s of simulated time") }
        for (what, count) in occurrences.sorted(by: { $0.key < $1.key }) { say("\(count) \(what)") }
    }

    /// At once, also into a file or a pipe.
    private func say(_ line: String) {
        print(line)
        fflush(nil)
    }

    private func elapsed(since start: ContinuousClock.Instant) -> Int64 {
        (ContinuousClock.now - start).components.seconds
    }

    /// Lives through the seed once more, and keeps the steps.
    private func show(_ seed: UInt64) throws -> ExitCode {
        let outcome = try Outcome(of: kind, seed, traces: true)
        for line in outcome.trace.suffix(lines) { say(line) }
        say("seed \(seed) breaks a rule; ops/simulate \(kind) --seed \(seed) shows it again:")
        for violation in outcome.violations { say("  \(violation)") }
        return ExitCode(1)
    }
}

/// What came of one seed.
private struct Outcome {
    var violations: [String]
    var acknowledged: Int
    var digest: UInt64
    /// Of the simulations that keep one.
    var trace: [String] = []
    /// Of the simulations that count them.
    var occurrences: [String: Int] = [:]
    var simulatedTime = Duration.zero

    init(of kind: Simulate.Kind, _ seed: UInt64, traces: Bool) throws {
        switch kind {
        case .quorum:
            let run = QuorumRun(seed: seed, traces: traces)
            (violations, acknowledged, digest) = (run.violations, run.committedCount, run.digest)
            trace = run.traceLines
        case .coordinator:
            let run = try CoordinatorRun(seed: seed)
            (violations, acknowledged, digest) = (run.violations, run.acknowledgedCount, UInt64(run.digest))
        case .ensemble:
            let run = EnsembleRun(seed: seed, traces: traces)
            (violations, acknowledged, digest) = (run.violations, run.acknowledgedCount, run.digest)
            trace = run.traceLines
        case .broker:
            let run = try BrokerRun(seed: seed)
            (violations, acknowledged, digest) = (run.violations, run.acknowledgedCount, run.digest)
        case .cluster, .lonely, .members:
            let scenario: ClusterRun.Scenario =
                switch kind {
                case .lonely: .lonelyLeaders
                case .members: .membersAtWork
                default: .everything
                }
            let run = try ClusterRun(seed: seed, scenario: scenario, traces: traces)
            (violations, acknowledged, digest) = (run.violations, run.acknowledgedCount, run.digest)
            trace = run.traceLines
        case .regions:
            let run = try RegionsRun(seed: seed, traces: traces)
            (violations, acknowledged, digest) = (run.violations, run.acknowledgedCount, run.digest)
            (occurrences, simulatedTime) = (run.occurrences, run.simulatedTime)
            trace = run.traceLines
        }
    }
}
