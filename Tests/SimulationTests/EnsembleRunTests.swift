import Simulation
import Testing

@Suite struct EnsembleRunTests {
    @Test(arguments: 1...60) func clientsFindWhatTheyWerePromised(_ seed: UInt64) {
        let run = EnsembleRun(seed: seed)
        #expect(run.violations.isEmpty)
        #expect(run.acknowledgedCount > 0)
    }

    @Test func aSeedAlwaysDoesTheSame() {
        let runs = (0..<2).map { EnsembleRun(seed: 7, traces: $0 == 1) }
        #expect(runs[0].digest == runs[1].digest)
        #expect(EnsembleRun(seed: 8).digest != runs[0].digest)
    }
}
