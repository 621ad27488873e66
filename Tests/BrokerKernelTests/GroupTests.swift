import BrokerKernel
import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import Testing

@Suite("Groups")
struct GroupTests {
    private func bench() throws -> BrokerBench {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: 2)
        var find = FindCoordinatorRequest()
        find.coordinatorKeys = ["g", "h"]
        let found = try bench.call(find).coordinators
        #expect(found.map(\.nodeId) == [1, 1] && found.map(\.port) == [9092, 9092])
        return bench
    }

    @Test("Who asks for transactions is told at once that there are none, by an error that nobody tries again after")
    func noTransactions() throws {
        let bench = try BrokerBench()
        var find = FindCoordinatorRequest()
        find.keyType = 1
        find.coordinatorKeys = ["orders"]
        let found = try bench.call(find).coordinators[0]
        #expect(ErrorCode.of(found.errorCode) == .invalidRequest)
        #expect(found.nodeId == -1 && found.errorMessage?.contains("no transactions") == true)
    }

    private func joining(_ member: String, instance: String? = nil, group: String = "g") -> JoinGroupRequest {
        var entry = JoinGroupRequest.JoinGroupRequestProtocol()
        entry.name = "range"
        entry.metadata = ByteBuffer(string: "subscription")
        var request = JoinGroupRequest()
        request.groupId = group
        request.sessionTimeoutMs = 10_000
        request.rebalanceTimeoutMs = 20_000
        request.memberId = member
        request.groupInstanceId = instance
        request.protocolType = "consumer"
        request.protocols = [entry]
        return request
    }

    /// Asks for a member id, as clients do before they join.
    private func newMember(_ bench: BrokerBench) throws -> String {
        let told = try bench.call(joining(""))
        #expect(ErrorCode.of(told.errorCode) == .memberIdRequired)
        #expect(!told.memberId.isEmpty)
        return told.memberId
    }

    private func sync(_ member: String, _ generation: Int32, _ assignments: [String: String] = [:]) -> SyncGroupRequest
    {
        var request = SyncGroupRequest()
        request.groupId = "g"
        request.memberId = member
        request.generationId = generation
        request.protocolType = "consumer"
        request.protocolName = "range"
        request.assignments = assignments.map { member, text in
            var one = SyncGroupRequest.SyncGroupRequestAssignment()
            one.memberId = member
            one.assignment = ByteBuffer(string: text)
            return one
        }
        return request
    }

    private func heartbeat(_ bench: BrokerBench, _ member: String, _ generation: Int32) throws -> ErrorCode {
        var request = HeartbeatRequest()
        request.groupId = "g"
        request.memberId = member
        request.generationId = generation
        return .of(try bench.call(request).errorCode)
    }

    private func commit(
        _ bench: BrokerBench, _ offset: Int64, topic: String = "t", member: String = "", generation: Int32 = -1,
        metadata: String? = "m"
    ) throws -> ErrorCode {
        var part = OffsetCommitRequest.OffsetCommitRequestPartition()
        part.committedOffset = offset
        part.committedMetadata = metadata
        var wanted = OffsetCommitRequest.OffsetCommitRequestTopic()
        wanted.name = topic
        wanted.partitions = [part]
        var request = OffsetCommitRequest()
        request.groupId = "g"
        request.memberId = member
        request.generationIdOrMemberEpoch = generation
        request.topics = [wanted]
        return .of(try #require(try bench.call(request).topics.first?.partitions.first).errorCode)
    }

    /// What the group has committed, by topic and partition; of the newest version of the request.
    private func committed(_ bench: BrokerBench, group: String = "g") throws -> [String: Int64] {
        var wanted = OffsetFetchRequest.OffsetFetchRequestGroup()
        wanted.groupId = group
        wanted.topics = nil
        var request = OffsetFetchRequest()
        request.groups = [wanted]
        let told = try #require(try bench.call(request).groups.first)
        #expect(ErrorCode.of(told.errorCode) == .none)
        var offsets: [String: Int64] = [:]
        for topic in told.topics {
            for partition in topic.partitions {
                offsets["\(topic.name)-\(partition.partitionIndex)"] = partition.committedOffset
            }
        }
        return offsets
    }

    /// A stable group of two: leader first.
    private func twoMembers(_ bench: BrokerBench) throws -> (members: [String], generation: Int32) {
        let ids = [try newMember(bench), try newMember(bench)]
        let joins = try ids.map { try bench.send(joining($0)) }
        for join in joins { #expect(try bench.reply(to: join) == nil) }
        try bench.advance(milliseconds: 3_000)
        try bench.advance(milliseconds: 3_000)
        let told = try joins.map { try #require(try bench.reply(to: $0)) }
        #expect(told.allSatisfy { $0.errorCode == 0 && $0.protocolName == "range" })
        let leader = try #require(told.first { $0.memberId == $0.leader })
        #expect(Set(leader.members.map(\.memberId)) == Set(ids))
        let follower = try #require(ids.first { $0 != leader.memberId })
        let generation = leader.generationId
        let waiting = try bench.send(sync(follower, generation))
        #expect(try bench.reply(to: waiting) == nil)
        let assigned = try bench.call(sync(leader.memberId, generation, [leader.memberId: "one", follower: "two"]))
        #expect(String(buffer: assigned.assignment) == "one")
        #expect(String(buffer: try #require(try bench.reply(to: waiting)).assignment) == "two")
        return ([leader.memberId, follower], generation)
    }

    @Test("Members join, share out, and share out again when one goes")
    func rebalance() throws {
        let bench = try bench()
        let (members, generation) = try twoMembers(bench)
        for member in members { #expect(try heartbeat(bench, member, generation) == .none) }
        #expect(try heartbeat(bench, "stranger", generation) == .unknownMemberId)
        #expect(try heartbeat(bench, members[0], generation - 1) == .illegalGeneration)

        var leave = LeaveGroupRequest()
        leave.groupId = "g"
        var identity = LeaveGroupRequest.MemberIdentity()
        identity.memberId = members[1]
        leave.members = [identity]
        #expect(try bench.call(leave).members.map(\.errorCode) == [0])
        #expect(try heartbeat(bench, members[0], generation) == .rebalanceInProgress)
        let again = try bench.call(joining(members[0]))
        #expect(again.generationId == generation + 1 && again.members.count == 1)
    }

    @Test("Members agree on a protocol that all of them know; who knows none of them cannot join")
    func commonProtocol() throws {
        let bench = try bench()
        let ids = [try newMember(bench), try newMember(bench)]
        var both = joining(ids[0])
        both.protocols.insert(both.protocols[0], at: 0)
        both.protocols[0].name = "cooperative-sticky"
        var cooperative = joining(ids[1])
        cooperative.protocols[0].name = "cooperative-sticky"
        let joins = [try bench.send(both), try bench.send(cooperative)]
        try bench.advance(milliseconds: 3_000)
        try bench.advance(milliseconds: 3_000)
        for join in joins { #expect(try bench.reply(to: join)?.protocolName == "cooperative-sticky") }
        let eager = try bench.call(joining(""))
        #expect(ErrorCode.of(eager.errorCode) == .inconsistentGroupProtocol)
    }

    @Test("A member that is not heard of is put out of the group")
    func silentMember() throws {
        let bench = try bench()
        let (members, generation) = try twoMembers(bench)
        for _ in 0..<3 {
            try bench.advance(milliseconds: 4_000)
            _ = try heartbeat(bench, members[0], generation)
        }
        #expect(try heartbeat(bench, members[0], generation) == .rebalanceInProgress)
        #expect(try heartbeat(bench, members[1], generation) == .unknownMemberId)
    }

    @Test("A static member comes back under another id without a rebalance, and its old id is fenced")
    func staticMember() throws {
        let bench = try bench()
        let first = try bench.send(joining("", instance: "i"))
        try bench.advance(milliseconds: 3_000)
        try bench.advance(milliseconds: 3_000)
        let joined = try #require(try bench.reply(to: first))
        _ = try bench.call(sync(joined.memberId, joined.generationId, [joined.memberId: "all"]))
        let back = try bench.call(joining("", instance: "i"))
        #expect(ErrorCode.of(back.errorCode) == .none)
        #expect(back.generationId == joined.generationId && back.memberId != joined.memberId)
        var old = HeartbeatRequest()
        old.groupId = "g"
        old.groupInstanceId = "i"
        old.memberId = joined.memberId
        old.generationId = joined.generationId
        #expect(ErrorCode.of(try bench.call(old).errorCode) == .fencedInstanceId)
        let synced = try bench.call(sync(back.memberId, back.generationId))
        #expect(String(buffer: synced.assignment) == "all")
    }

    @Test("A long log is loaded in turns; who asks meanwhile is told to ask again")
    func longLog() throws {
        let bench = try bench()
        try bench.createTopic("u", partitions: 1)
        #expect(try commit(bench, 7, topic: "u") == .none)
        let metadata = String(repeating: "m", count: 4000)
        for offset in 1...300 { #expect(try commit(bench, Int64(offset), metadata: metadata) == .none) }
        try bench.restart()
        #expect(try commit(bench, 301) == .coordinatorLoadInProgress)
        #expect(ErrorCode.of(try bench.call(ListGroupsRequest()).errorCode) == .coordinatorLoadInProgress)
        #expect(bench.kernel.nextDeadline <= bench.now, "it goes on when nothing else is to be done")
        try bench.changeImage { $0.setTopic("u", nil) }
        var turns = 0
        while try commit(bench, 301) == .coordinatorLoadInProgress {
            try bench.advance(milliseconds: 0)
            turns += 1
        }
        #expect(turns > 1 && turns < 100)
        #expect(try committed(bench) == ["t-0": 301], "what was deleted meanwhile is forgotten")
        #expect(ErrorCode.of(try bench.call(ListGroupsRequest()).errorCode) == .none)
    }

    @Test("Offsets and the group itself survive a restart")
    func restart() throws {
        let bench = try bench()
        let (members, generation) = try twoMembers(bench)
        #expect(try commit(bench, 41, member: members[0], generation: generation) == .none)
        #expect(try commit(bench, 42, member: members[0], generation: generation) == .none)
        try bench.restart()
        #expect(try committed(bench) == ["t-0": 42])
        for member in members { #expect(try heartbeat(bench, member, generation) == .none) }
        #expect(try commit(bench, 43, member: members[1], generation: generation) == .none)
        #expect(try committed(bench) == ["t-0": 43])
    }

    @Test("Commits that cannot be are refused")
    func refusedCommits() throws {
        let bench = try bench()
        #expect(try commit(bench, 7) == .none)
        #expect(try commit(bench, 8, topic: "absent") == .unknownTopicOrPartition)
        #expect(try commit(bench, 8, metadata: String(repeating: "x", count: 4_097)) == .offsetMetadataTooLarge)
        #expect(try commit(bench, 8, member: "stranger", generation: 3) != .none)
        let (members, generation) = try twoMembers(bench)
        #expect(try commit(bench, 8) == .unknownMemberId)
        #expect(try commit(bench, 8, member: members[0], generation: generation + 1) == .illegalGeneration)
        #expect(try committed(bench) == ["t-0": 7])
    }

    @Test("Old and new versions of OffsetFetch say the same, and -1 of what was never committed")
    func oldVersions() throws {
        let bench = try bench()
        #expect(try commit(bench, 7) == .none)
        for version in Int16(1)...7 {
            var wanted = OffsetFetchRequest.OffsetFetchRequestTopic()
            wanted.name = "t"
            wanted.partitionIndexes = [0, 1]
            var request = OffsetFetchRequest()
            request.groupId = "g"
            request.topics = [wanted]
            let told = try bench.call(request, version: version)
            #expect(told.topics.first?.partitions.map(\.committedOffset) == [7, -1], "version \(version)")
            #expect(told.topics.first?.partitions.map(\.errorCode) == [0, 0], "version \(version)")
        }
        #expect(try committed(bench, group: "h").isEmpty)
    }

    @Test("Offsets are deleted, of partitions that are there and groups that are not at work")
    func offsetDelete() throws {
        let bench = try bench()
        #expect(try commit(bench, 7) == .none)
        var part = OffsetDeleteRequest.OffsetDeleteRequestPartition()
        var wanted = OffsetDeleteRequest.OffsetDeleteRequestTopic()
        wanted.name = "t"
        wanted.partitions = [part]
        part.partitionIndex = 9
        wanted.partitions.append(part)
        var request = OffsetDeleteRequest()
        request.groupId = "g"
        request.topics = [wanted]
        let told = try bench.call(request)
        #expect(
            told.topics.first?.partitions.map { ErrorCode.of($0.errorCode) } == [.none, .unknownTopicOrPartition])
        try bench.restart()
        #expect(try committed(bench).isEmpty)
        request.groupId = "none"
        #expect(ErrorCode.of(try bench.call(request).errorCode) == .groupIdNotFound)
    }

    @Test("A deleted topic's offsets are forgotten, also after a restart")
    func deletedTopic() throws {
        let bench = try bench()
        #expect(try commit(bench, 7) == .none)
        #expect(try bench.deleteTopic("t") == .none)
        #expect(try committed(bench).isEmpty)
        try bench.restart()
        #expect(try committed(bench).isEmpty)
    }

    @Test("Groups are listed, described and deleted")
    func administration() throws {
        let bench = try bench()
        let (members, _) = try twoMembers(bench)
        let listed = try bench.call(ListGroupsRequest()).groups
        #expect(listed.map(\.groupId) == ["g"] && listed.map(\.groupState) == ["Stable"])
        var describe = DescribeGroupsRequest()
        describe.groups = ["g", "none"]
        let described = try bench.call(describe).groups
        #expect(described.map(\.groupState) == ["Stable", "Dead"])
        #expect(Set(described[0].members.map(\.memberId)) == Set(members))
        var delete = DeleteGroupsRequest()
        delete.groupsNames = ["g", "none"]
        let refused = try bench.call(delete).results
        #expect(
            Dictionary(uniqueKeysWithValues: refused.map { ($0.groupId, ErrorCode.of($0.errorCode)) })
                == ["g": .nonEmptyGroup, "none": .groupIdNotFound])
        var leave = LeaveGroupRequest()
        leave.groupId = "g"
        leave.members = members.map { member in
            var identity = LeaveGroupRequest.MemberIdentity()
            identity.memberId = member
            return identity
        }
        _ = try bench.call(leave)
        delete.groupsNames = ["g"]
        #expect(try bench.call(delete).results.map(\.errorCode) == [0])
        try bench.restart()
        #expect(try bench.call(ListGroupsRequest()).groups.isEmpty)
    }

    @Test("Without the topic of groups nobody coordinates, and clients go and look for who does")
    func notCoordinator() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        #expect(try heartbeat(bench, "m", 1) == .notCoordinator)
        #expect(ErrorCode.of(try bench.call(joining("")).errorCode) == .notCoordinator)
        #expect(try commit(bench, 1) == .notCoordinator)
        #expect(try bench.call(ListGroupsRequest()).groups.isEmpty)
    }

    @Test("A group without a name is refused")
    func namelessGroup() throws {
        let bench = try bench()
        #expect(ErrorCode.of(try bench.call(joining("", group: "")).errorCode) == .invalidGroupId)
    }

    @Test("Nobody else writes to the topic of groups")
    func internalTopic() throws {
        let bench = try bench()
        let told = try bench.produce(batch(["a"]), to: "__consumer_offsets")
        #expect(ErrorCode.of(told.errorCode) == .invalidTopicException)
    }
}
