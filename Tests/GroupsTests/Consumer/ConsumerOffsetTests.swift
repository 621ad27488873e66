import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Testing

@testable import Groups

@Suite("Offsets, queries and conversion of groups of the new protocol")
struct ConsumerOffsetTests {
    private func bench(_ change: (inout GroupSettings) -> Void = { _ in }) -> GroupBench {
        var bench = GroupBench(change)
        bench.setTopics(["orders": 4, "payments": 2])
        bench.beat(.joining())
        return bench
    }

    @Test func membersCommitInTheirEpoch() {
        var bench = bench()
        #expect(bench.commit(5, memberID: "a", generation: 1, version: 9) == ErrorCode.none)
        #expect(bench.commit(6, memberID: "a", generation: 0, version: 9) == .staleMemberEpoch)
        #expect(bench.commit(6, memberID: "a", generation: 2, version: 9) == .staleMemberEpoch)
        #expect(bench.commit(6, memberID: "a", generation: 1, version: 8) == .unsupportedVersion)
        #expect(bench.commit(6, memberID: "b", generation: 1, version: 9) == .unknownMemberId)
        #expect(bench.commit(6, version: 9) == .unknownMemberId, "only members commit in a group that has some")
        #expect(bench.commit(6, group: "none", memberID: "a", generation: 1, version: 9) == .groupIdNotFound)
        #expect(bench.committed() == 5)
        bench.beat("a", -1)
        #expect(bench.commit(7, version: 8) == ErrorCode.none)
        #expect(bench.committed() == 7)
    }

    @Test func membersFetchInTheirEpoch() {
        let registry = bench().registry
        #expect(registry.refusalToTell("flights", memberID: nil, memberEpoch: -1) == nil)
        #expect(registry.refusalToTell("flights", memberID: "a", memberEpoch: 1) == nil)
        #expect(registry.refusalToTell("flights", memberID: "a", memberEpoch: 0) == .staleMemberEpoch)
        #expect(registry.refusalToTell("flights", memberID: "b", memberEpoch: 1) == .unknownMemberId)
        #expect(registry.refusalToTell("none", memberID: "b", memberEpoch: 1) == nil)
    }

    @Test func offsetsAreDeletedWhereNobodyReads() {
        var bench = bench()
        _ = bench.commit(5, memberID: "a", generation: 1, version: 9)
        _ = bench.commit(6, topic: "payments", memberID: "a", generation: 1, version: 9)
        #expect(bench.deleteOffset("orders") == (ErrorCode.none, .groupSubscribedToTopic))
        #expect(bench.deleteOffset("payments") == (ErrorCode.none, ErrorCode.none))
        #expect(bench.committed() == 5 && bench.committed("payments") == nil)
    }

    @Test func onlyEmptyGroupsAreDeletedAndNothingOfThemIsLeft() {
        var bench = bench()
        bench.beat(.joining("b", topics: nil, pattern: "pay.*"))
        _ = bench.commit(5, memberID: "a", generation: 1, version: 9)
        #expect(bench.delete("flights") == .nonEmptyGroup)
        bench.beat("a", -1)
        bench.beat("b", -1)
        #expect(bench.delete("flights") == ErrorCode.none)
        #expect(bench.registry.hard == StoredGroups() && bench.registry.consumerSessions.isEmpty)
    }

    @Test func offsetsExpireWhereNobodyReads() {
        var bench = bench { $0.offsetRetention = .seconds(3_600) }
        _ = bench.commit(5, memberID: "a", generation: 1, version: 9)
        _ = bench.commit(6, topic: "payments", memberID: "a", generation: 1, version: 9)
        for _ in 0..<160 {
            bench.pass(.seconds(30))
            bench.beat("a", 1)
        }
        #expect(bench.committed() == 5 && bench.committed("payments") == nil)
        bench.beat("a", -1)
        bench.pass(.seconds(4_300))
        #expect(bench.committed() == nil && bench.registry.hard == StoredGroups())
    }

    @Test func groupsAreListedAndDescribed() throws {
        var bench = bench()
        _ = bench.commit(1, group: "audit")
        let registry = bench.registry
        #expect(registry.listing(states: [], types: ["consumer"]).map(\.groupId) == ["flights"])
        #expect(registry.listing(states: [], types: ["classic"]).map(\.groupId) == ["audit"])
        #expect(registry.listing(states: ["STABLE"], types: []).map(\.protocolType) == ["consumer"])
        #expect(registry.description(of: "flights").groupState == "Dead", "as Apache Kafka's brokers say")
        let described = registry.consumerDescription(of: "flights")
        #expect(described.groupState == "Stable" && described.groupEpoch == 1 && described.assignmentEpoch == 1)
        #expect(described.assignorName == "uniform")
        let member = try #require(described.members.first)
        #expect(member.memberId == "a" && member.clientHost == "/127.0.0.1" && member.memberEpoch == 1)
        #expect(member.subscribedTopicNames == ["orders"])
        #expect(member.assignment.topicPartitions.map(\.topicName) == ["orders"])
        #expect(member.assignment.topicPartitions.map(\.partitions) == [[0, 1, 2, 3]])
        #expect(member.targetAssignment.topicPartitions.map(\.partitions) == [[0, 1, 2, 3]])
        for group in ["audit", "none"] {
            #expect(registry.consumerDescription(of: group).errorCode == ErrorCode.groupIdNotFound.rawValue)
        }
    }

    // MARK: - From one protocol to the other

    @Test func anEmptyClassicGroupBecomesANewOneAndKeepsItsOffsets() throws {
        var stable = try StableGroup([Joiner()])
        stable.bench.setTopics(["orders": 2])
        _ = stable.bench.commit(5, memberID: stable.leader, generation: 1)
        #expect(stable.bench.beat(.joining()).error == .groupIdNotFound, "it has members")
        _ = stable.bench.leave(stable.leader)
        #expect(stable.bench.beat(.joining()).error == .none)
        #expect(stable.bench.committed() == 5 && stable.bench.registry.liveGroup("flights") == nil)
        #expect(stable.bench.registry.hard.entries["flights"]?.group == nil)
        stable.bench.restart()
        #expect(stable.bench.consumers?.members.count == 1)
        #expect(stable.bench.heartbeat(stable.leader, generation: 1) == .unknownMemberId)
    }

    @Test func anEmptyNewGroupBecomesAClassicOneAndKeepsItsOffsets() throws {
        var bench = bench()
        _ = bench.commit(5, memberID: "a", generation: 1, version: 9)
        #expect(bench.answerError(Joiner()) == .inconsistentGroupProtocol)
        bench.beat("a", -1)
        let joined = try bench.join()
        bench.pass(.seconds(3))
        #expect(bench.joinReply(joined.ticket)?.generationId == 1)
        #expect(bench.consumers == nil && bench.committed() == 5)
        #expect(bench.registry.consumerSessions.isEmpty)
        #expect(bench.beat(.joining()).error == .groupIdNotFound)
    }
}
