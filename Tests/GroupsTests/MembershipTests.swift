import KafkaProtocol
import KafkaProtocolGroups
import Testing

@testable import Groups

@Suite struct MembershipTests {
    @Test func theLeadersAssignmentReachesAll() throws {
        var bench = GroupBench()
        let leader = try bench.join()
        let follower = try bench.join()
        bench.pass(.seconds(10))
        let waiting = bench.sync(follower.memberID, generation: 1)
        #expect(bench.assignment(waiting) == nil)
        #expect(bench.heartbeat(follower.memberID, generation: 1) == ErrorCode.none)
        let spread = bench.sync(
            leader.memberID, generation: 1, assigning: [follower.memberID: "0,1", "stranger": "9"])
        #expect(bench.assignment(spread) == "", "whom the leader forgets has nothing to do")
        #expect(bench.assignment(waiting) == "0,1")
        #expect(bench.state == "Stable")
        #expect(bench.syncAnswer(follower.memberID, generation: 1) == "0,1")
    }

    @Test func syncIsRefused() throws {
        var stable = try StableGroup([Joiner()])
        let member = stable.leader
        #expect(stable.bench.syncAnswerError("stranger", generation: 1) == .unknownMemberId)
        #expect(stable.bench.syncAnswerError(member, generation: 2) == .illegalGeneration)
        #expect(
            stable.bench.syncAnswerError(member, generation: 1, protocolName: "sticky")
                == .inconsistentGroupProtocol)
        #expect(stable.bench.syncAnswerError(member, generation: 1, group: "none") == .unknownMemberId)
        #expect(stable.bench.syncAnswerError(member, generation: 1, group: "") == .invalidGroupId)
        _ = try stable.bench.join()
        #expect(stable.bench.syncAnswerError(member, generation: 1) == .rebalanceInProgress)
    }

    @Test func aChangeWhileSyncingBeginsAnew() throws {
        var bench = GroupBench()
        let leader = try bench.join()
        let follower = try bench.join()
        bench.pass(.seconds(10))
        let waiting = bench.sync(follower.memberID, generation: 1)
        _ = try bench.join()
        #expect(bench.syncError(waiting) == .rebalanceInProgress)
        #expect(bench.heartbeat(leader.memberID, generation: 1) == .rebalanceInProgress)
    }

    @Test func heartbeatsAreRefused() throws {
        var stable = try StableGroup([Joiner()])
        #expect(stable.bench.heartbeat(stable.leader, generation: 1) == ErrorCode.none)
        #expect(stable.bench.heartbeat(stable.leader, generation: 0) == .illegalGeneration)
        #expect(stable.bench.heartbeat("stranger", generation: 1) == .unknownMemberId)
        #expect(stable.bench.heartbeat(stable.leader, generation: 1, group: "none") == .unknownMemberId)
        #expect(stable.bench.heartbeat(stable.leader, generation: 1, group: "") == .invalidGroupId)
    }

    @Test func aMemberThatLeavesMakesTheOthersRejoin() throws {
        var stable = try StableGroup([Joiner(), Joiner()])
        let follower = try #require(stable.members.first { $0 != stable.leader })
        #expect(stable.bench.leave(stable.leader) == ErrorCode.none)
        #expect(stable.bench.heartbeat(follower, generation: 1) == .rebalanceInProgress)
        var rejoin = Joiner()
        rejoin.memberID = follower
        let reply = try stable.bench.answer(rejoin)
        #expect(reply.generationId == 2 && reply.leader == follower && reply.members.count == 1)
    }

    @Test func theLastToLeaveEmptiesTheGroup() throws {
        var stable = try StableGroup([Joiner()])
        #expect(stable.bench.leave(stable.leader) == ErrorCode.none)
        #expect(stable.bench.state == "Empty")
        #expect(stable.bench.leave(stable.leader) == .unknownMemberId)
        guard case .groupStored(_, let stored) = stable.bench.log.last else {
            Issue.record("the empty group was not stored")
            return
        }
        #expect(stored.generation == 2 && stored.members.isEmpty && stored.protocolName == nil && stored.leader == nil)
        #expect(stored.protocolType == "consumer")
    }

    @Test func aPromisedMemberMayLeave() throws {
        var bench = GroupBench()
        let promised = try bench.answer(Joiner())
        #expect(bench.leave(promised.memberId) == ErrorCode.none)
        #expect(bench.state == "Dead")
    }

    @Test func silenceEndsAMembership() throws {
        var stable = try StableGroup([Joiner(), Joiner()])
        let follower = try #require(stable.members.first { $0 != stable.leader })
        for _ in 0..<4 {
            stable.bench.pass(.seconds(20))
            _ = stable.bench.heartbeat(follower, generation: 1)
        }
        #expect(stable.bench.heartbeat(follower, generation: 1) == .rebalanceInProgress)
        #expect(stable.bench.heartbeat(stable.leader, generation: 1) == .unknownMemberId)
    }

    @Test func whoDoesNotRejoinInTimeIsOut() throws {
        var slow = Joiner()
        slow.sessionTimeoutMs = 600_000
        var stable = try StableGroup([slow, slow])
        var rejoin = slow
        rejoin.memberID = stable.leader
        let ticket = stable.bench.send(rejoin)
        stable.bench.pass(.milliseconds(59_999))
        #expect(stable.bench.joinReply(ticket) == nil)
        stable.bench.pass(.milliseconds(1))
        let reply = try #require(stable.bench.joinReply(ticket))
        #expect(reply.generationId == 2 && reply.members.map(\.memberId) == [stable.leader])
    }

    @Test func whoDoesNotSyncInTimeIsOut() throws {
        var bench = GroupBench()
        var slow = Joiner()
        slow.sessionTimeoutMs = 600_000
        let leader = try bench.join(slow)
        let follower = try bench.join(slow)
        bench.pass(.seconds(6))
        let waiting = bench.sync(follower.memberID, generation: 1)
        bench.pass(.seconds(60))
        #expect(bench.syncError(waiting) == .rebalanceInProgress)
        #expect(bench.heartbeat(leader.memberID, generation: 1) == .unknownMemberId)
        #expect(bench.heartbeat(follower.memberID, generation: 1) == .rebalanceInProgress)
    }

    @Test func aNewMemberWithoutAWordIsKeptForFiveMinutes() throws {
        var slow = Joiner()
        slow.sessionTimeoutMs = 1_800_000
        slow.rebalanceTimeoutMs = 1_800_000
        var stable = try StableGroup([slow])
        let newcomer = try stable.bench.join(slow)
        stable.bench.pass(.seconds(299))
        #expect(stable.bench.joinReply(newcomer.ticket) == nil)
        stable.bench.pass(.seconds(1))
        #expect(stable.bench.joinError(newcomer.ticket) == .unknownMemberId)
    }

    @Test func whoeverWaitsIsToldWhenTheBrokerIsDeposed() throws {
        var bench = GroupBench()
        let first = try bench.join()
        bench.perform(.deposed)
        #expect(bench.joinError(first.ticket) == .notCoordinator)
    }

    @Test func aGroupGoesOnAfterARestart() throws {
        var stable = try StableGroup([Joiner(), Joiner()])
        stable.bench.restart()
        #expect(stable.bench.state == "Stable")
        for member in stable.members {
            #expect(stable.bench.heartbeat(member, generation: 1) == ErrorCode.none)
            #expect(stable.bench.syncAnswer(member, generation: 1) == "work of \(member)")
        }
        stable.bench.pass(.seconds(46))
        #expect(stable.bench.state == "Empty", "sessions start anew and end as before")
    }
}
