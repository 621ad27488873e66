import KafkaProtocol
import KafkaProtocolGroups
import Testing

@testable import Groups

@Suite struct StaticMemberTests {
    private static func joiner(_ instanceID: String, version: Int16 = 9) -> Joiner {
        var joiner = Joiner()
        joiner.instanceID = instanceID
        joiner.version = version
        return joiner
    }

    @Test func aRestartedMemberTakesItsPlaceWithoutRebalance() throws {
        var stable = try StableGroup([Joiner(), Self.joiner("seat-1")])
        let old = stable.members[1]
        let stored = stable.bench.log.count
        let reply = try stable.bench.answer(Self.joiner("seat-1"))
        #expect(reply.errorCode == 0 && reply.generationId == 1 && stable.bench.state == "Stable")
        #expect(reply.memberId != old && reply.memberId.hasPrefix("seat-1-"))
        #expect(stable.bench.log.count == stored + 1, "the new id is remembered")
        #expect(stable.bench.heartbeat(old, generation: 1, instanceID: "seat-1") == .fencedInstanceId)
        #expect(stable.bench.heartbeat(old, generation: 1) == .unknownMemberId)
        let assignment = stable.bench.sync(reply.memberId, generation: 1, instanceID: "seat-1")
        #expect(stable.bench.assignment(assignment) == "work of \(old)")
    }

    @Test func aRestartedLeaderSkipsAssigning() throws {
        var stable = try StableGroup([Self.joiner("seat-1"), Joiner()])
        let reply = try stable.bench.answer(Self.joiner("seat-1"))
        #expect(reply.skipAssignment && reply.leader == reply.memberId && reply.members.count == 2)
    }

    @Test func beforeVersionNineARestartedLeaderIsToldTheOldOne() throws {
        var stable = try StableGroup([Self.joiner("seat-1"), Joiner()])
        let reply = try stable.bench.answer(Self.joiner("seat-1", version: 8))
        #expect(!reply.skipAssignment && reply.leader == stable.leader && reply.members.isEmpty)
        #expect(reply.memberId != stable.leader)
    }

    @Test func aRestartThatChangesTheProtocolRebalances() throws {
        var wide = Self.joiner("seat-1")
        wide.protocols = ["range": "orders", "sticky": "orders"]
        var stable = try StableGroup([wide])
        wide.protocols = ["sticky": "orders"]
        #expect(stable.bench.answerError(wide) == ErrorCode.none)
        #expect(stable.bench.registry.description(of: "flights").groupState == "CompletingRebalance")
    }

    @Test func aRestartThatChangesMetadataAloneKeepsTheGeneration() throws {
        var stable = try StableGroup([Self.joiner("seat-1")])
        var changed = Self.joiner("seat-1")
        changed.protocols = ["range": "payments"]
        #expect(try stable.bench.answer(changed).generationId == 1)
        #expect(stable.bench.state == "Stable", "the choice of protocol stays, as in Apache Kafka")
    }

    @Test func twoWithOneInstanceIDFenceEachOther() throws {
        var bench = GroupBench()
        let first = bench.send(Self.joiner("seat-1"))
        let second = bench.send(Self.joiner("seat-1"))
        #expect(bench.joinError(first) == .fencedInstanceId)
        bench.pass(.seconds(3))
        #expect(bench.joinError(second) == ErrorCode.none)
    }

    @Test func replacementWhileOthersWaitForTheLeaderRebalances() throws {
        var bench = GroupBench()
        let leader = try bench.join()
        let seat = bench.send(Self.joiner("seat-1"))
        bench.pass(.seconds(10))
        let old = try #require(bench.joinReply(seat)).memberId
        let waiting = bench.sync(old, generation: 1, instanceID: "seat-1")
        let replaced = bench.send(Self.joiner("seat-1"))
        #expect(bench.syncError(waiting) == .fencedInstanceId)
        #expect(bench.state == "PreparingRebalance")
        var rejoin = Joiner()
        rejoin.memberID = leader.memberID
        _ = bench.send(rejoin)
        #expect(bench.joinReply(replaced)?.generationId == 2)
    }

    @Test func aStaticMemberThatIsAwayKeepsItsPlaceUntilItsSessionEnds() throws {
        var seat = Self.joiner("seat-1")
        seat.sessionTimeoutMs = 300_000
        var stable = try StableGroup([Joiner(), seat])
        var rejoin = Joiner()
        rejoin.memberID = stable.leader
        let ticket = stable.bench.send(rejoin)
        stable.bench.pass(.seconds(60))
        let reply = try #require(stable.bench.joinReply(ticket))
        #expect(reply.generationId == 2 && reply.members.count == 2)
    }

    @Test func operatorsRemoveStaticMembersByInstance() throws {
        var stable = try StableGroup([Joiner(), Self.joiner("seat-1")])
        #expect(stable.bench.leave("", instanceID: "seat-2") == .unknownMemberId)
        #expect(stable.bench.leave("wrong", instanceID: "seat-1") == .fencedInstanceId)
        #expect(stable.bench.leave("", instanceID: "seat-1") == ErrorCode.none)
        #expect(stable.bench.state == "PreparingRebalance")
    }

    @Test func instancesAreKnownAfterARestart() throws {
        var stable = try StableGroup([Self.joiner("seat-1")])
        stable.bench.restart()
        let reply = try stable.bench.answer(Self.joiner("seat-1"))
        #expect(reply.generationId == 1 && reply.memberId != stable.leader)
    }
}
