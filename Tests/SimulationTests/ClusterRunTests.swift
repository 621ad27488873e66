import Simulation
import Testing

@Suite(.threadsOfTheirOwn) struct ClusterRunTests {
    /// A build without optimization takes ten times as long for a seed.
    #if DEBUG
        static let seeds: ClosedRange<UInt64> = 1...8
        static let aFewSeeds: ClosedRange<UInt64> = 1...2
    #else
        static let seeds: ClosedRange<UInt64> = 1...100
        static let aFewSeeds: ClosedRange<UInt64> = 1...10
    #endif

    @Test(arguments: seeds) func nothingAcknowledgedIsLostAndNoReplicasDiffer(seed: UInt64) throws {
        let run = try ClusterRun(seed: seed)
        #expect(run.violations == [])
        #expect(run.acknowledgedCount > 100)
        #expect(run.faultCount > 5)
    }

    @Test(arguments: aFewSeeds) func whatALonelyLeaderAcknowledgedSurvivesItsPower(seed: UInt64) throws {
        let run = try ClusterRun(seed: seed, seconds: 25, scenario: .lonelyLeaders)
        #expect(run.violations == [])
        #expect(run.acknowledgedCount > 100)
        #expect(run.faultCount > 1)
    }

    @Test(arguments: aFewSeeds) func noPartitionIsReadByTwoMembersOfAGroup(seed: UInt64) throws {
        let run = try ClusterRun(seed: seed, seconds: 25, scenario: .membersAtWork)
        #expect(run.violations == [])
        #expect(run.acknowledgedCount > 100)
        #expect(run.faultCount > 5)
    }

    @Test func aSeedAlwaysDoesTheSame() throws {
        let runs = try (0..<2).map { _ in try ClusterRun(seed: 7, seconds: 10) }
        #expect(runs[0].digest == runs[1].digest)
        #expect(try ClusterRun(seed: 8, seconds: 10).digest != runs[0].digest)
    }
}
