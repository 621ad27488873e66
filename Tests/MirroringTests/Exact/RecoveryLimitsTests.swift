import ClusterModel
import Testing

@testable import Mirroring

@Suite struct RecoveryLimitsTests {
    @Test func theFirstThatMatchesCounts() throws {
        let limits = try RecoveryLimits(["pay.*:500", "a:b:2000", ".*:60000"])
        #expect(limits.limit(of: "payments") == .milliseconds(500))
        #expect(limits.limit(of: "a:b") == .seconds(2))
        #expect(limits.limit(of: "orders") == .seconds(60))
        #expect(try RecoveryLimits(["pay.*:500"]).limit(of: "orders") == nil)
        #expect(try RecoveryLimits().isEmpty && !limits.isEmpty)
    }

    @Test(arguments: ["orders", "orders:", "orders:0", "orders:-5", "orders:soon", "(:500", "orders:1.5"])
    func whatIsNoLimitIsRefused(entry: String) {
        #expect(throws: RecoveryLimits.Unreadable(entry: entry)) { try RecoveryLimits([".*:5", entry]) }
    }

    @Test func theNearestIsReadFirstAndNobodyStarves() {
        func candidate(_ index: Int32, last: Int, age: Int, limit: Int?) -> ReadingOrder.Candidate {
            ReadingOrder.Candidate(
                TopicPartition(topic: "t", partition: index), lastClaim: last,
                nearness: RecoveryLimits.nearness(of: .seconds(age), to: limit.map { .seconds($0) }))
        }
        let candidates = [
            candidate(0, last: 1, age: 600, limit: nil), candidate(1, last: 9, age: 9, limit: 10),
            candidate(2, last: 8, age: 30, limit: 10), candidate(3, last: 7, age: 9, limit: 10),
            candidate(4, last: 0, age: 300, limit: nil),
        ]
        func order(_ claim: Int) -> [Int32] { ReadingOrder.order(candidates, for: claim).map(\.partition) }
        #expect(order(5) == [2, 3, 1, 0, 4])
        #expect(order(8) == [4, 0, 3, 2, 1])
    }
}
