import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Testing

@testable import Groups

@Suite("Heartbeats of the new protocol")
struct ConsumerHeartbeatTests {
    private func bench(_ change: (inout GroupSettings) -> Void = { _ in }) -> GroupBench {
        var bench = GroupBench(change)
        bench.setTopics(["orders": 4, "payments": 2])
        return bench
    }

    // MARK: - Joining and reconciling

    @Test func theFirstMemberGetsEverythingAtOnce() {
        var bench = bench()
        let told = bench.beat(.joining())
        #expect(told.error == .none && told.memberId == "a" && told.memberEpoch == 1)
        #expect(told.heartbeatIntervalMs == 5_000)
        #expect(told.partitions == partitions(["orders": [0, 1, 2, 3]]))
        #expect(bench.consumers?.state == .stable)
        #expect(bench.beat("a", 1).assignment == nil, "what has not changed is not told again")
    }

    @Test func membersOfVersionZeroAreGivenIDs() {
        var bench = bench()
        var joining = Beat.joining("")
        #expect(bench.beat(joining).error == .invalidRequest)
        joining.version = 0
        let told = bench.beat(joining)
        #expect(told.error == .none && told.memberId?.count == 22)
    }

    @Test func partitionsAreLetGoBeforeAnotherHasThem() {
        var bench = bench()
        let all = partitions(["orders": [0, 1, 2, 3]])
        bench.beat(.joining())
        let second = bench.beat(.joining("b"))
        #expect(second.memberEpoch == 2 && second.partitions == partitions([:]))
        #expect(bench.consumers?.standing(of: "b").state == .unreleasedPartitions)
        #expect(bench.consumers?.state == .reconciling)

        let asked = bench.beat("a", 1)
        #expect(asked.memberEpoch == 1 && asked.partitions == partitions(["orders": [0, 1]]))
        #expect(bench.beat("b", 2).assignment == nil)
        #expect(bench.beat("a", 1, owned: all).memberEpoch == 1, "it still reads them")
        #expect(bench.beat("b", 2).assignment == nil)

        let done = bench.beat("a", 1, owned: partitions(["orders": [0, 1]]))
        #expect(done.memberEpoch == 2 && done.assignment == nil)
        let given = bench.beat("b", 2)
        #expect(given.memberEpoch == 2 && given.partitions == partitions(["orders": [2, 3]]))
        #expect(bench.consumers?.state == .stable)
    }

    @Test func whoLeavesMakesRoom() {
        var bench = bench()
        bench.beat(.joining())
        bench.beat(.joining("b"))
        let left = bench.beat("a", -1)
        #expect(left.error == .none && left.memberEpoch == -1)
        #expect(bench.beat("b", 2).partitions == partitions(["orders": [0, 1, 2, 3]]))
        #expect(bench.beat("a", 1).error == .unknownMemberId)
        #expect(bench.beat("b", -1).error == .none)
        #expect(bench.consumers?.state == .empty && bench.consumers?.members.isEmpty == true)
        #expect(bench.beat("b", -1).error == .unknownMemberId)
    }

    @Test func topicsThatComeGrowAndGoMovePartitions() {
        var bench = bench()
        bench.beat(.joining(topics: ["orders", "later"]))
        bench.setTopics(["orders": 5, "payments": 2])
        #expect(bench.beat("a", 1).partitions == partitions(["orders": [0, 1, 2, 3, 4]]))
        bench.setTopics(["orders": 5, "later": 1])
        #expect(bench.beat("a", 2).partitions == partitions(["orders": [0, 1, 2, 3, 4], "later": [0]]))
        bench.setTopics(["later": 1])
        let asked = bench.beat("a", 3, owned: partitions(["orders": [0, 1, 2, 3, 4], "later": [0]]))
        #expect(asked.partitions == partitions(["later": [0]]) && asked.memberEpoch == 3)
        #expect(bench.beat("a", 3, owned: partitions(["later": [0]])).memberEpoch == 4)
        bench.setTopics(["later": 1, "nobody reads this": 9])
        #expect(bench.beat("a", 4).memberEpoch == 4 && bench.consumers?.epoch == 4)
    }

    @Test func aChangedSubscriptionCounts() {
        var bench = bench()
        bench.beat(.joining())
        let changed = bench.beat(Beat(epoch: 1, topics: ["payments"], owned: partitions(["orders": [0, 1, 2, 3]])))
        #expect(changed.memberEpoch == 1 && changed.partitions == partitions([:]))
        let done = bench.beat("a", 1, owned: partitions([:]))
        #expect(done.memberEpoch == 2 && done.partitions == partitions(["payments": [0, 1]]))
    }

    @Test func expressionsFindTopics() {
        var bench = bench()
        bench.setTopics(["orders": 1, "orders-eu": 1, "payments": 1, "orders-secret": 1])
        let told = bench.beat(.joining(topics: nil, pattern: "^orders(-.*)?"), hidden: ["orders-secret"])
        #expect(told.partitions == partitions(["orders": [0], "orders-eu": [0]]))
        bench.setTopics(["orders": 1, "orders-eu": 1, "orders-us": 2])
        #expect(bench.registry.looksForTopics(Beat(epoch: 1).request))
        #expect(
            bench.beat("a", 1).partitions == partitions(["orders": [0], "orders-eu": [0], "orders-us": [0, 1]]))
        #expect(!bench.registry.looksForTopics(Beat(epoch: 1).request))
        #expect(bench.beat(Beat(epoch: 2, pattern: "(orders")).error == .invalidRegularExpression)
        bench.beat(Beat(epoch: 2, topics: ["orders"], pattern: ""))
        #expect(bench.consumers?.patterns.isEmpty == true && bench.consumers?.subscribedTopics == ["orders"])
    }

    // MARK: - Fencing

    @Test func epochsThatAreNotTheMembersAreFenced() {
        var bench = bench()
        bench.beat(.joining())
        #expect(bench.beat("a", 2).error == .fencedMemberEpoch)
        #expect(bench.beat("b", 1).error == .unknownMemberId)
        bench.setTopics(["orders": 5])
        let owned = partitions(["orders": [0, 1, 2, 3]])
        #expect(bench.beat("a", 1, owned: owned).memberEpoch == 2)
        #expect(bench.beat("a", 1, owned: owned).memberEpoch == 2, "it may not have heard of its new epoch")
        #expect(bench.beat("a", 1).error == .fencedMemberEpoch, "but then it says what it has")
        #expect(bench.beat("a", 1, owned: partitions(["payments": [0]])).error == .fencedMemberEpoch)
        let again = bench.beat(.joining())
        #expect(again.error == .none && again.memberEpoch == 2 && again.partitions?.count == 5)
    }

    @Test func membersExpire() {
        var bench = bench()
        bench.beat(.joining())
        bench.pass(.seconds(30))
        bench.beat(.joining("b"))
        bench.pass(.seconds(14))
        #expect(bench.consumers?.members.count == 2)
        bench.pass(.seconds(1))
        #expect(bench.consumers?.members.keys.sorted() == ["b"] && bench.consumers?.epoch == 3)
        #expect(bench.beat("a", 1).error == .unknownMemberId)
        #expect(bench.beat("b", 2).partitions?.count == 4)
        bench.pass(.seconds(100))
        #expect(bench.consumers?.state == .empty)
    }

    @Test func whoDoesNotLetGoInTimeIsRemoved() {
        var bench = bench()
        bench.beat(.joining())
        bench.beat(.joining("b"))
        bench.beat("a", 1)
        for _ in 0..<5 {
            bench.pass(.seconds(11))
            #expect(bench.beat("a", 1).error == .none && bench.beat("b", 2).assignment == nil)
        }
        bench.pass(.seconds(11))
        #expect(bench.beat("a", 1).error == .unknownMemberId)
        #expect(bench.beat("b", 2).partitions?.count == 4)
    }

    @Test func sessionsAndRevocationsGoOnAfterARestart() {
        var bench = bench()
        bench.beat(.joining())
        bench.beat(.joining("b"))
        bench.beat("a", 1)
        let before = bench.consumers
        let topics = bench.registry.catalog
        bench.restart()
        bench.perform(.topicsChanged(topics))
        #expect(bench.consumers == before)
        #expect(bench.beat("b", 2).memberEpoch == 2 && bench.consumers == before)
        #expect(bench.beat("a", 1, owned: partitions(["orders": [0, 1]])).memberEpoch == 2)
        #expect(bench.beat("b", 2).partitions == partitions(["orders": [2, 3]]))
        bench.restart()
        bench.pass(.seconds(44))
        #expect(bench.consumers?.members.count == 2)
        bench.pass(.seconds(2))
        #expect(bench.consumers?.members.isEmpty == true)
    }

    // MARK: - Static members

    @Test func aStaticMemberThatComesBackHasItsPlace() {
        var bench = bench()
        bench.beat(.joining(instanceID: "seat"))
        bench.beat(.joining("b"))
        bench.beat("a", 1, owned: partitions(["orders": [0, 1]]), instanceID: "seat")
        bench.beat("b", 2)
        #expect(bench.beat(.joining("c", instanceID: "seat")).error == .unreleasedInstanceId)
        #expect(bench.beat("a", -2, instanceID: "seat").memberEpoch == -2)
        #expect(bench.beat("b", 2).assignment == nil, "its partitions are kept for it")
        let back = bench.beat(.joining("c", instanceID: "seat"))
        #expect(back.memberEpoch == 2 && back.partitions == partitions(["orders": [0, 1]]))
        #expect(bench.consumers?.epoch == 2 && bench.consumers?.members.keys.sorted() == ["b", "c"])
        #expect(bench.beat("a", 2, instanceID: "seat").error == .fencedInstanceId)
        #expect(bench.beat("a", -1, instanceID: "seat").error == .fencedInstanceId)
        #expect(bench.beat("c", -1, instanceID: "other").error == .unknownMemberId)
        #expect(bench.beat("c", -1, instanceID: "seat").error == .none)
        #expect(bench.beat("b", 2).partitions?.count == 4)
    }

    @Test func aStaticMemberThatStaysAwayExpires() {
        var bench = bench()
        bench.beat(.joining(instanceID: "seat"))
        bench.beat("a", -2, instanceID: "seat")
        bench.pass(.seconds(46))
        #expect(bench.consumers?.members.isEmpty == true && bench.consumers?.staticMembers.isEmpty == true)
    }

    // MARK: - Refusals

    @Test func whatMakesNoSenseIsRefused() {
        var bench = bench()
        #expect(bench.beat(Beat(epoch: 1)).error == .groupIdNotFound)
        #expect(bench.beat(Beat(epoch: -1)).error == .groupIdNotFound)
        var beats: [Beat] = []
        beats.append(.joining())
        beats[0].group = ""
        beats.append(.joining(instanceID: ""))
        beats.append(.joining(topics: nil))
        beats.append(.joining())
        beats[3].rebalanceTimeoutMs = -1
        beats.append(.joining())
        beats[4].owned = partitions(["orders": [0]])
        beats.append(.joining())
        beats[5].owned = nil
        beats.append(Beat(epoch: -3))
        beats.append(Beat(epoch: -2))
        for beat in beats { #expect(bench.beat(beat).error == .invalidRequest, "\(beat)") }
        #expect(bench.beat(.joining(assignor: "mine")).error == .unsupportedAssignor)
        #expect(bench.log.isEmpty && bench.consumers == nil)
    }

    @Test func groupsHaveALimit() {
        var bench = bench { $0.consumer.maximumSize = 1 }
        bench.beat(.joining())
        #expect(bench.beat(.joining("b")).error == .groupMaxSizeReached)
        #expect(bench.beat(.joining()).error == .none)
    }

    @Test func theProtocolMayBeOff() {
        var bench = bench { $0.consumer.isEnabled = false }
        #expect(bench.beat(.joining()).error == .unsupportedVersion)
    }

    @Test func membersChooseTheAssignor() {
        var bench = bench()
        bench.setTopics(["orders": 3, "payments": 3])
        bench.beat(.joining(topics: ["orders", "payments"], assignor: "range"))
        bench.beat(.joining("b", topics: ["orders", "payments"], assignor: "range"))
        #expect(bench.consumers?.target(of: "a") == partitions(["orders": [0, 1], "payments": [0, 1]]))
        #expect(bench.registry.consumerDescription(of: "flights").assignorName == "range")
    }
}
