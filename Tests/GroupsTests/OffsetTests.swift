import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Testing

@testable import Groups

extension GroupBench {
    /// Commits `offset` for partition 0 of a topic.
    mutating func commit(
        _ offset: Int64, topic: String = "orders", group: String = "flights", memberID: String = "",
        generation: Int32 = -1, instanceID: String? = nil, metadata: String? = nil, retentionTimeMs: Int64 = -1,
        refused: [TopicPartition: ErrorCode] = [:], version: Int16 = 8
    ) -> ErrorCode? {
        var request = OffsetCommitRequest()
        request.groupId = group
        request.memberId = memberID
        request.generationIdOrMemberEpoch = generation
        request.groupInstanceId = instanceID
        request.retentionTimeMs = retentionTimeMs
        var told = OffsetCommitRequest.OffsetCommitRequestTopic()
        told.name = topic
        var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
        partition.committedOffset = offset
        partition.committedLeaderEpoch = 3
        partition.committedMetadata = metadata
        told.partitions = [partition]
        request.topics = [told]
        let ticket = newTicket()
        perform(.commitRequested(request, version: version, refused: refused, ticket))
        guard case .offsetCommit(let reply) = replies[ticket] else { return nil }
        return reply.topics.first?.partitions.first.map { ErrorCode(rawValue: $0.errorCode) }
    }

    func committed(_ topic: String = "orders", group: String = "flights") -> Int64? {
        registry.committedOffsets(of: group, topics: nil, requireStable: false)
            .first { $0.name == topic }?.partitions.first?.committedOffset
    }

    mutating func deleteOffset(_ topic: String, group: String = "flights") -> (group: ErrorCode?, one: ErrorCode?) {
        var request = OffsetDeleteRequest()
        request.groupId = group
        var told = OffsetDeleteRequest.OffsetDeleteRequestTopic()
        told.name = topic
        told.partitions = [OffsetDeleteRequest.OffsetDeleteRequestPartition()]
        request.topics = [told]
        let ticket = newTicket()
        perform(.offsetDeletionRequested(request, refused: [:], ticket))
        guard case .offsetDelete(let reply) = replies[ticket] else { return (nil, nil) }
        return (
            ErrorCode(rawValue: reply.errorCode),
            reply.topics.first?.partitions.first.map { ErrorCode(rawValue: $0.errorCode) }
        )
    }

    mutating func delete(_ group: String) -> ErrorCode? {
        let ticket = newTicket()
        perform(.groupDeletionRequested([group], ticket))
        guard case .deleteGroups(let reply) = replies[ticket] else { return nil }
        return reply.results.first.map { ErrorCode(rawValue: $0.errorCode) }
    }
}

@Suite struct OffsetTests {
    @Test func simpleConsumersCommitWithoutMembership() {
        var bench = GroupBench()
        #expect(bench.commit(7, metadata: "seven") == ErrorCode.none)
        #expect(bench.committed() == 7)
        #expect(bench.state == "Empty")
        #expect(bench.registry.listing(states: [], types: []).map(\.protocolType) == [""])
        #expect(bench.commit(8, memberID: "somebody") == .unknownMemberId)
        #expect(bench.commit(8, generation: 1) == .unknownMemberId)
        #expect(bench.commit(8, group: "new", generation: 1) == .illegalGeneration)
    }

    @Test func membersCommitInTheirGeneration() throws {
        var stable = try StableGroup([Joiner()])
        let member = stable.leader
        #expect(stable.bench.commit(5, memberID: member, generation: 1) == ErrorCode.none)
        #expect(stable.bench.commit(6, memberID: member, generation: 0) == .illegalGeneration)
        #expect(stable.bench.commit(6, memberID: "stranger", generation: 1) == .unknownMemberId)
        #expect(stable.bench.commit(6) == .unknownMemberId, "only members commit in a group that has some")
        #expect(stable.bench.commit(6, memberID: member, generation: 1, instanceID: "x") == .unknownMemberId)
        _ = try stable.bench.join()
        #expect(stable.bench.state == "PreparingRebalance")
        #expect(stable.bench.commit(9, memberID: member, generation: 1) == ErrorCode.none)
        var rejoin = Joiner()
        rejoin.memberID = member
        _ = stable.bench.send(rejoin)
        #expect(stable.bench.state == "CompletingRebalance")
        #expect(stable.bench.commit(10, memberID: member, generation: 2) == .rebalanceInProgress)
        #expect(stable.bench.committed() == 9)
    }

    @Test func metadataHasALimit() {
        var bench = GroupBench { $0.maximumMetadataLength = 4 }
        #expect(bench.commit(1, metadata: "12345") == .offsetMetadataTooLarge)
        #expect(bench.commit(1, metadata: "123é") == ErrorCode.none)
        #expect(bench.committed() == 1)
    }

    @Test func refusedPartitionsAreLeftAlone() {
        var bench = GroupBench()
        let partition = TopicPartition(topic: "orders", partition: 0)
        #expect(bench.commit(1, refused: [partition: .topicAuthorizationFailed]) == .topicAuthorizationFailed)
        #expect(bench.committed() == nil && bench.log.isEmpty)
    }

    @Test func unknownOffsetsAreMinusOne() throws {
        var bench = GroupBench()
        _ = bench.commit(4)
        var asked = OffsetFetchRequest.OffsetFetchRequestTopics()
        asked.name = "orders"
        asked.partitionIndexes = [0, 7]
        let told = bench.registry.committedOffsets(of: "flights", topics: [asked], requireStable: true)
        let partitions = try #require(told.first?.partitions)
        #expect(partitions.map(\.committedOffset) == [4, -1])
        #expect(partitions.map(\.committedLeaderEpoch) == [3, -1])
        #expect(partitions.map(\.errorCode) == [0, 0])
        #expect(bench.registry.committedOffsets(of: "none", topics: nil, requireStable: false).isEmpty)
    }

    @Test func transactionsDecideTheirOffsets() {
        let partition = TopicPartition(topic: "orders", partition: 0)
        func offset(_ offset: Int64) -> CommittedOffset { CommittedOffset(offset: offset, committedAt: 0) }
        var bench = GroupBench()
        func isUnstable() -> Bool {
            var asked = OffsetFetchRequest.OffsetFetchRequestTopics()
            asked.name = "orders"
            asked.partitionIndexes = [0]
            return bench.registry.committedOffsets(of: "flights", topics: [asked], requireStable: true)
                .first?.partitions.first?.errorCode == ErrorCode.unstableOffsetCommit.rawValue
        }
        let before: [GroupRecord] = [
            .offsetCommitted(group: "flights", partition, offset(1), producer: nil),
            .offsetCommitted(group: "flights", partition, offset(2), producer: 900),
        ]
        bench.load(before)
        #expect(bench.committed() == 1 && isUnstable())
        bench.load(before + [.transactionEnded(900, isCommitted: true)])
        #expect(bench.committed() == 2 && !isUnstable())
        bench.load(before + [.transactionEnded(900, isCommitted: false)])
        #expect(bench.committed() == 1 && !isUnstable())
        bench.load(
            before + [
                .offsetCommitted(group: "flights", partition, offset(3), producer: nil),
                .transactionEnded(900, isCommitted: true),
            ])
        #expect(bench.committed() == 3, "a later commit outside of the transaction stays")
    }

    @Test func offsetsOfEmptyGroupsExpireFromTheTimeOfEmptiness() throws {
        var stable = try StableGroup([Joiner()]) { $0.offsetRetention = .seconds(3_600) }
        _ = stable.bench.commit(5, memberID: stable.leader, generation: 1)
        for _ in 0..<360 {
            stable.bench.pass(.seconds(30))
            _ = stable.bench.heartbeat(stable.leader, generation: 1)
        }
        #expect(stable.bench.committed() == 5, "an offset of a topic that members read does not expire")
        _ = stable.bench.leave(stable.leader)
        stable.bench.pass(.seconds(3_500))
        #expect(stable.bench.committed() == 5)
        stable.bench.pass(.seconds(800))
        #expect(stable.bench.committed() == nil && stable.bench.state == "Dead")
        #expect(
            stable.bench.log.suffix(2) == [
                .offsetForgotten(group: "flights", TopicPartition(topic: "orders", partition: 0)),
                .groupForgotten("flights"),
            ])
    }

    @Test func offsetsOfTopicsThatNobodyReadsExpire() throws {
        var stable = try StableGroup([Joiner()]) { $0.offsetRetention = .seconds(3_600) }
        _ = stable.bench.commit(5, topic: "payments", memberID: stable.leader, generation: 1)
        for _ in 0..<160 {
            stable.bench.pass(.seconds(30))
            _ = stable.bench.heartbeat(stable.leader, generation: 1)
        }
        #expect(stable.bench.committed("payments") == nil && stable.bench.state == "Stable")
    }

    @Test func simpleOffsetsExpireFromTheirCommit() {
        var bench = GroupBench { $0.offsetRetention = .seconds(3_600) }
        _ = bench.commit(5)
        bench.pass(.seconds(3_000))
        _ = bench.commit(6)
        bench.pass(.seconds(3_000))
        #expect(bench.committed() == 6)
        bench.pass(.seconds(1_200))
        #expect(bench.committed() == nil && bench.state == "Dead")
    }

    @Test func aCommitMayAskForAnExpiryOfItsOwn() {
        var bench = GroupBench()
        _ = bench.commit(5, retentionTimeMs: 60_000)
        bench.pass(.seconds(601))
        #expect(bench.committed() == nil)
    }

    @Test func offsetsOfDeletedTopicsAreForgotten() {
        var bench = GroupBench()
        _ = bench.commit(5)
        _ = bench.commit(6, topic: "payments")
        bench.perform(.topicsDeleted(["orders"]))
        #expect(bench.committed() == nil && bench.committed("payments") == 6)
    }

    @Test func offsetsAreDeletedWhereNobodyReads() throws {
        var stable = try StableGroup([Joiner()])
        _ = stable.bench.commit(5, memberID: stable.leader, generation: 1)
        _ = stable.bench.commit(6, topic: "payments", memberID: stable.leader, generation: 1)
        #expect(stable.bench.deleteOffset("orders") == (ErrorCode.none, .groupSubscribedToTopic))
        #expect(stable.bench.deleteOffset("payments") == (ErrorCode.none, ErrorCode.none))
        #expect(stable.bench.committed() == 5 && stable.bench.committed("payments") == nil)
        #expect(stable.bench.deleteOffset("orders", group: "none").group == .groupIdNotFound)
        #expect(stable.bench.deleteOffset("orders", group: "").group == .invalidGroupId)
    }

    @Test func othersThanConsumersKeepTheirOffsetsWhileTheyHaveMembers() throws {
        var joiner = Joiner()
        joiner.protocolType = "connect"
        var stable = try StableGroup([joiner])
        #expect(stable.bench.deleteOffset("orders").group == .nonEmptyGroup)
    }

    @Test func onlyEmptyGroupsAreDeleted() throws {
        var stable = try StableGroup([Joiner()])
        _ = stable.bench.commit(5, memberID: stable.leader, generation: 1)
        #expect(stable.bench.delete("flights") == .nonEmptyGroup)
        #expect(stable.bench.delete("none") == .groupIdNotFound)
        _ = stable.bench.leave(stable.leader)
        #expect(stable.bench.delete("flights") == ErrorCode.none)
        #expect(stable.bench.state == "Dead" && stable.bench.committed() == nil)
        #expect(stable.bench.registry.hard == StoredGroups())
    }
}
