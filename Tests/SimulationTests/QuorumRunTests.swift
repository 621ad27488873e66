import Simulation
import Testing

@Suite(.threadsOfTheirOwn) struct QuorumRunTests {
    /// A build without optimization takes ten times as long for a seed.
    #if DEBUG
        static let hundreds: Range<UInt64> = 0..<10
    #else
        static let hundreds: Range<UInt64> = 0..<60
    #endif

    @Test(arguments: hundreds) func membersAgree(_ hundred: UInt64) {
        for seed in hundred * 100..<(hundred + 1) * 100 {
            let run = QuorumRun(seed: seed)
            #expect(run.violations.isEmpty, "seed \(seed)")
            #expect(run.committedCount > 0, "seed \(seed)")
        }
    }

    @Test func aSeedAlwaysDoesTheSame() {
        let runs = (0..<3).map { QuorumRun(seed: 7, traces: $0 == 1) }
        #expect(Set(runs.map(\.digest)).count == 1)
        #expect(QuorumRun(seed: 8).digest != runs[0].digest)
    }

    /// The oracle sees what it is there to see.
    @Test(arguments: QuorumRun.PlantedBug.allCases) func plantedBugsAreFound(_ bug: QuorumRun.PlantedBug) {
        #expect((1...1000).contains { !QuorumRun(seed: $0, bug: bug).violations.isEmpty })
    }
}
