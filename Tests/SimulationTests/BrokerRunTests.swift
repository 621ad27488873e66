import Simulation
import Testing

@Suite(.threadsOfTheirOwn) struct BrokerRunTests {
    @Test(arguments: 1...300) func nothingAcknowledgedIsLostOrDoubled(seed: UInt64) throws {
        let run = try BrokerRun(seed: seed)
        #expect(run.violations.isEmpty)
        #expect(run.restartCount == 5)
        #expect(run.acknowledgedCount > 0)
    }

    @Test func aSeedAlwaysDoesTheSame() throws {
        let runs = try (0..<3).map { _ in try BrokerRun(seed: 7) }
        #expect(Set(runs.map(\.digest)).count == 1)
        #expect(try BrokerRun(seed: 8).digest != runs[0].digest)
    }

    /// The oracle sees what it is there to see.
    @Test func answersBeforeTheSyncAreFound() throws {
        let violations = try (1...20).flatMap { try BrokerRun(seed: $0, syncsBeforeAnswers: false).violations }
        #expect(!violations.isEmpty)
    }
}
