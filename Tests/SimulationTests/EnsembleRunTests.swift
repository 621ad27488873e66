import Simulation
import Testing

@Suite(.threadsOfTheirOwn) struct EnsembleRunTests {
    /// A build without optimization takes ten times as long for a seed.
    #if DEBUG
        static let twenties: Range<UInt64> = 0..<3
    #else
        static let twenties: Range<UInt64> = 0..<60
    #endif

    @Test(arguments: twenties) func clientsFindWhatTheyWerePromised(_ twenty: UInt64) {
        for seed in twenty * 20 + 1...(twenty + 1) * 20 {
            let run = EnsembleRun(seed: seed)
            #expect(run.violations.isEmpty, "seed \(seed)")
            #expect(run.acknowledgedCount > 0, "seed \(seed)")
        }
    }

    @Test func aSeedAlwaysDoesTheSame() {
        let runs = (0..<2).map { EnsembleRun(seed: 7, traces: $0 == 1) }
        #expect(runs[0].digest == runs[1].digest)
        #expect(EnsembleRun(seed: 8).digest != runs[0].digest)
    }
}
