import KafkaProtocol
import KafkaProtocolGroups
import Testing

@testable import Groups

@Suite struct GroupQueryTests {
    @Test func aStableGroupShowsItsMembers() throws {
        let stable = try StableGroup([Joiner(), Joiner()])
        let described = stable.bench.registry.description(of: "flights")
        #expect(described.groupState == "Stable" && described.protocolType == "consumer")
        #expect(described.protocolData == "range")
        #expect(described.members.map(\.memberId) == stable.members)
        #expect(described.members.map(\.clientHost) == ["/127.0.0.1", "/127.0.0.1"])
        #expect(described.members.map { String(buffer: $0.memberAssignment) } == stable.members.map { "work of \($0)" })
        #expect(described.members.first?.memberMetadata == subscription(to: "orders"))
    }

    @Test func aGroupThatRebalancesHidesItsPlans() throws {
        var stable = try StableGroup([Joiner()])
        _ = try stable.bench.join()
        let described = stable.bench.registry.description(of: "flights")
        #expect(described.groupState == "PreparingRebalance" && described.protocolData == "")
        #expect(described.members.allSatisfy { $0.memberAssignment.readableBytes == 0 })
    }

    @Test func anUnknownGroupIsDead() {
        let described = GroupBench().registry.description(of: "none")
        #expect(described.groupState == "Dead" && described.errorCode == 0 && described.members.isEmpty)
    }

    @Test func groupsAreListedByStateAndType() throws {
        var stable = try StableGroup([Joiner()])
        _ = stable.bench.commit(1, group: "audit")
        let registry = stable.bench.registry
        #expect(registry.listing(states: [], types: []).map(\.groupId) == ["audit", "flights"])
        #expect(registry.listing(states: ["stable"], types: []).map(\.groupId) == ["flights"])
        #expect(registry.listing(states: ["Empty"], types: ["Classic"]).map(\.groupId) == ["audit"])
        #expect(registry.listing(states: [], types: ["share"]).isEmpty)
        #expect(registry.listing(states: [], types: []).map(\.groupType) == ["classic", "classic"])
    }

    @Test(arguments: [("", 0), ("shipping", 1), ("flights", 1), ("gruppe-ä-😀", 1)] as [(String, Int32)])
    func groupsHaveTheirPartition(group: String, partition: Int32) {
        #expect(GroupPlacement.partition(of: group, among: 3) == partition)
    }

    @Test func theSmallestHashHasAPartitionToo() {
        // Java's "polygenelubricants".hashCode() is the smallest integer, which has no absolute value.
        #expect(GroupPlacement.partition(of: "polygenelubricants", among: 50) == 0)
    }
}
