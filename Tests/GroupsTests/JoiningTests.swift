import KafkaProtocol
import KafkaProtocolGroups
import Testing

@testable import Groups

@Suite struct JoiningTests {
    @Test func aNewMemberIsFirstToldItsID() throws {
        var bench = GroupBench()
        let ticket = bench.send(Joiner())
        let reply = try #require(bench.joinReply(ticket))
        #expect(reply.errorCode == ErrorCode.memberIdRequired.rawValue)
        #expect(reply.memberId.hasPrefix("client-"))
        #expect(reply.memberId.count == "client-".count + 36)
        #expect(bench.state == "Empty")
    }

    @Test func oldVersionsJoinAtOnce() throws {
        var bench = GroupBench()
        var joiner = Joiner()
        joiner.version = 3
        let ticket = bench.send(joiner)
        #expect(bench.joinReply(ticket) == nil)
        #expect(bench.state == "PreparingRebalance")
        bench.pass(.seconds(3))
        #expect(try #require(bench.joinReply(ticket)).generationId == 1)
    }

    @Test func theFirstGenerationWaitsForMore() throws {
        var bench = GroupBench()
        let first = try bench.join()
        bench.pass(.seconds(2))
        let second = try bench.join()
        bench.pass(.seconds(2))
        #expect(bench.joinReply(first.ticket) == nil, "a member that came late prolongs the wait")
        bench.pass(.seconds(3))
        let replies = [first, second].compactMap { bench.joinReply($0.ticket) }
        #expect(replies.map(\.generationId) == [1, 1])
        #expect(replies.map(\.leader) == [first.memberID, first.memberID])
        #expect(replies.map { $0.members.map(\.memberId) } == [[first.memberID, second.memberID], []])
        #expect(replies.map(\.protocolName) == ["range", "range"])
        #expect(bench.state == "CompletingRebalance")
    }

    @Test func theWaitForMoreEndsWithTheRebalanceTimeout() throws {
        var bench = GroupBench()
        var joiner = Joiner()
        joiner.rebalanceTimeoutMs = 7_000
        let first = try bench.join(joiner)
        for _ in 0..<4 {
            bench.pass(.seconds(2))
            _ = try bench.join(joiner)
        }
        #expect(bench.joinError(first.ticket) == ErrorCode.none)
    }

    @Test func withoutDelayTheFirstMemberBeginsAtOnce() throws {
        var bench = GroupBench { $0.initialRebalanceDelay = .zero }
        let joined = try bench.join()
        #expect(try #require(bench.joinReply(joined.ticket)).generationId == 1)
    }

    @Test func aPromisedMemberIsWaitedForUntilItsSessionEnds() throws {
        var stable = try StableGroup([Joiner()])
        var joiner = Joiner()
        joiner.sessionTimeoutMs = 10_000
        _ = stable.bench.send(joiner)
        #expect(stable.bench.state == "Stable")
        var rejoin = Joiner()
        rejoin.memberID = stable.leader
        let ticket = stable.bench.send(rejoin)
        #expect(stable.bench.joinReply(ticket) == nil)
        stable.bench.pass(.seconds(10))
        #expect(try #require(stable.bench.joinReply(ticket)).generationId == 2)
    }

    @Test func sameMetadataKeepsTheGeneration() throws {
        var stable = try StableGroup([Joiner(), Joiner()])
        let follower = try #require(stable.members.first { $0 != stable.leader })
        var rejoin = Joiner()
        rejoin.memberID = follower
        let again = try stable.bench.answer(rejoin)
        #expect(again.generationId == 1 && again.members.isEmpty && stable.bench.state == "Stable")

        rejoin.protocols = ["range": "payments"]
        let changed = stable.bench.send(rejoin)
        #expect(stable.bench.joinReply(changed) == nil && stable.bench.state == "PreparingRebalance")
        rejoin.memberID = stable.leader
        let leader = stable.bench.send(rejoin)
        #expect(stable.bench.joinReply(leader)?.generationId == 2)
        #expect(stable.bench.joinReply(changed)?.generationId == 2)
    }

    @Test func aLeaderThatJoinsAgainBeginsARebalance() throws {
        var stable = try StableGroup([Joiner(), Joiner()])
        var rejoin = Joiner()
        rejoin.memberID = stable.leader
        _ = stable.bench.send(rejoin)
        #expect(stable.bench.state == "PreparingRebalance")
    }

    @Test func aRepeatedJoinSupersedesTheOneThatWaits() throws {
        var bench = GroupBench()
        let joined = try bench.join()
        var again = Joiner()
        again.memberID = joined.memberID
        let second = bench.send(again)
        #expect(bench.joinError(joined.ticket) == .rebalanceInProgress)
        bench.pass(.seconds(3))
        #expect(bench.joinError(second) == ErrorCode.none)
    }

    @Test func membersMustHaveAProtocolInCommon() throws {
        var stable = try StableGroup([Joiner()])
        var other = Joiner()
        other.protocols = ["sticky": "orders"]
        #expect(stable.bench.answerError(other) == .inconsistentGroupProtocol)
        other = Joiner()
        other.protocolType = "connect"
        #expect(stable.bench.answerError(other) == .inconsistentGroupProtocol)
        #expect(stable.bench.state == "Stable")
    }

    @Test(arguments: [(["range": "orders"], ""), ([:], "consumer")])
    func anEmptyGroupAsksForATypeAndAProtocol(protocols: [String: String], type: String) {
        var bench = GroupBench()
        var joiner = Joiner()
        joiner.protocols = protocols
        joiner.protocolType = type
        #expect(bench.answerError(joiner) == .inconsistentGroupProtocol)
        #expect(bench.state == "Dead", "a refused member leaves no group behind")
    }

    @Test func theProtocolWithMostVotesWins() throws {
        var bench = GroupBench()
        var tickets: [GroupTicket] = []
        for protocols in [["a": "x", "b": "x"], ["b": "x", "c": "x"], ["a": "x", "b": "x", "c": "x"]] {
            var joiner = Joiner()
            joiner.protocols = protocols
            tickets.append(try bench.join(joiner).ticket)
        }
        bench.pass(.seconds(30))
        #expect(tickets.map { bench.joinReply($0)?.protocolName } == ["b", "b", "b"])
    }

    @Test func refusals() {
        var bench = GroupBench()
        var joiner = Joiner()
        joiner.group = ""
        #expect(bench.answerError(joiner) == .invalidGroupId)
        for timeout: Int32 in [5_999, 1_800_001, -1] {
            joiner = Joiner()
            joiner.sessionTimeoutMs = timeout
            #expect(bench.answerError(joiner) == .invalidSessionTimeout)
        }
        joiner = Joiner()
        joiner.memberID = "stranger"
        #expect(bench.answerError(joiner) == .unknownMemberId)
    }

    @Test func aFullGroupTakesNobody() throws {
        var stable = try StableGroup([Joiner(), Joiner()]) { $0.maximumSize = 2 }
        let refused = stable.bench.send(Joiner())
        #expect(stable.bench.joinError(refused) == .groupMaxSizeReached)
        #expect(stable.bench.joinReply(refused)?.memberId == "")
        #expect(stable.bench.state == "Stable")
    }

    @Test func aGroupOverItsLimitShrinksWhenLoaded() throws {
        let stable = try StableGroup([Joiner(), Joiner(), Joiner()])
        var bench = GroupBench { $0.maximumSize = 2 }
        bench.load(stable.bench.log)
        #expect(bench.state == "PreparingRebalance")
        let tickets = stable.members.map { memberID in
            var joiner = Joiner()
            joiner.memberID = memberID
            return bench.send(joiner)
        }
        bench.pass(.seconds(60))
        #expect(tickets.map { bench.joinError($0) } == [ErrorCode.none, ErrorCode.none, .groupMaxSizeReached])
    }

    @Test func timeoutsOfVersionZeroAreOne() throws {
        var bench = GroupBench()
        var joiner = Joiner()
        joiner.version = 0
        joiner.rebalanceTimeoutMs = -1
        joiner.sessionTimeoutMs = 6_000
        let ticket = bench.send(joiner)
        bench.pass(.seconds(3))
        let reply = try #require(bench.joinReply(ticket))
        _ = bench.sync(reply.memberId, generation: 1)
        guard case .groupStored(_, let stored) = bench.log.last else {
            Issue.record("no group was stored")
            return
        }
        #expect(stored.members.map(\.rebalanceTimeoutInMilliseconds) == [6_000])
    }
}
