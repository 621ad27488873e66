import Replication
import Testing

@Suite struct CommitGateTests {
    private func passing(_ gate: inout CommitGate<String>, upTo highWatermark: Int64) -> [String] {
        var waiters: [String] = []
        while let waiter = gate.next(upTo: highWatermark) { waiters.append(waiter) }
        return waiters
    }

    @Test func waitersPassInTheOrderOfTheirOffsets() {
        var gate = CommitGate<String>()
        gate.wait("b", for: 10)
        gate.wait("c", for: 20)
        gate.wait("a", for: 5)
        gate.wait("b2", for: 10)
        #expect(passing(&gate, upTo: 4) == [])
        #expect(passing(&gate, upTo: 10) == ["a", "b", "b2"])
        gate.wait("d", for: 15)
        #expect(passing(&gate, upTo: 19) == ["d"])
        #expect(!gate.isEmpty)
        #expect(gate.abandon() == ["c"])
        #expect(gate.isEmpty)
    }

    @Test func oneJoinsWhileOthersAreBeingLetGo() {
        var gate = CommitGate<String>()
        gate.wait("a", for: 5)
        gate.wait("b", for: 6)
        #expect(gate.next(upTo: 6) == "a")
        gate.wait("late", for: 1)
        #expect(passing(&gate, upTo: 6) == ["late", "b"])
    }
}
