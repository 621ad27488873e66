import Simulation
import Testing

@Suite(.threadsOfTheirOwn) struct RegionsRunTests {
    /// A build without optimization takes ten times as long for a seed.
    #if DEBUG
        static let seeds: ClosedRange<UInt64> = 1...1
    #else
        static let seeds: ClosedRange<UInt64> = 1...20
    #endif

    @Test(arguments: seeds) func homesMoveAndOnlyWhatWasCutOffIsLost(seed: UInt64) throws {
        let run = try RegionsRun(seed: seed)
        #expect(run.violations == [])
        #expect(run.acknowledgedCount > 100)
        #expect(run.faultCount > 5)
    }
}
