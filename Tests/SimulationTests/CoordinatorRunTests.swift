import Simulation
import Testing

@Suite(.threadsOfTheirOwn) struct CoordinatorRunTests {
    @Test(arguments: 1...300) func nothingAcknowledgedIsLost(seed: UInt64) throws {
        let run = try CoordinatorRun(seed: seed)
        #expect(run.violations.isEmpty)
        #expect(run.restartCount == 6)
        #expect(run.acknowledgedCount > 0)
    }

    @Test func aSeedAlwaysDoesTheSame() throws {
        let runs = try (0..<3).map { _ in try CoordinatorRun(seed: 7) }
        #expect(Set(runs.map(\.digest)).count == 1)
        #expect(try CoordinatorRun(seed: 8).digest != runs[0].digest)
    }

    /// The oracle sees what it is there to see.
    @Test func repliesBeforeTheSyncAreFound() throws {
        let violations = try (1...20).flatMap { try CoordinatorRun(seed: $0, saysTooEarly: true).violations }
        #expect(violations.contains { $0.contains("was acknowledged") })
    }
}
