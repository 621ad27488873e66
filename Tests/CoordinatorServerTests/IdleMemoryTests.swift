import Seams
import Synchronization
import Testing

@testable import CoordinatorServer

@Suite struct IdleMemoryTests {
    private final class Count: Sendable {
        let value = Atomic(0)
    }

    private func instant(_ milliseconds: Int64) -> Instant {
        Instant(nanoseconds: milliseconds * 1_000_000, unixMilliseconds: milliseconds)
    }

    @Test func memoryIsGivenBackOnceNobodyAsks() {
        let count = Count()
        var memory = IdleMemory(at: instant(0)) { count.value.add(1, ordering: .relaxed) }
        func turn(_ requestCount: Int, _ milliseconds: Int64) -> Int {
            memory.turned(requestCount: requestCount, at: instant(milliseconds))
            return count.value.load(ordering: .relaxed)
        }
        #expect(turn(0, 499) == 0)
        #expect(turn(3, 600) == 0)
        #expect(turn(0, 1000) == 0)
        // What the start has left.
        #expect(turn(0, 1100) == 1)
        #expect(turn(0, 5000) == 1)
        memory.snapshotWritten()
        #expect(turn(1, 6000) == 1)
        #expect(turn(0, 6499) == 1)
        #expect(turn(0, 6500) == 2)
        #expect(turn(0, 9000) == 2)
    }
}
