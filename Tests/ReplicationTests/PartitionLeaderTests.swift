import ClusterModel
import Replication
import Seams
import Testing

/// A leader with its effects gathered, at a time that is told.
private struct Led {
    var leader: PartitionLeader
    var now = Instant(nanoseconds: 1_000_000_000, unixMilliseconds: 1)
    var effects: [PartitionLeader.Effect] = []

    /// Broker 1 leads, of replicas 1 to `replicas`; those of `inSync` are. Its log is synced as it is written, unless
    /// `synced` says how far.
    init(
        replicas: Int32 = 3, inSync: [Int32] = [1, 2, 3], end: Offset = 0, highWatermark: Offset = 0,
        synced: Offset = .max, minimum: Int = 1
    ) {
        leader = PartitionLeader(
            broker: BrokerID(1),
            term: LeaderTerm(
                epoch: 5, replicas: (1...replicas).map { BrokerID($0) }, inSync: inSync.map { BrokerID($0) },
                stateVersion: 7),
            logEnd: end, highWatermark: highWatermark, syncedEnd: synced, minimumInSync: minimum,
            lagLimit: .seconds(30), at: now)
    }

    mutating func step(_ event: PartitionLeader.Event) -> [PartitionLeader.Effect] {
        effects = []
        leader.step(event, at: now, into: &effects)
        return effects
    }

    mutating func fetch(
        _ follower: Int32, _ offset: Offset, logStart: Offset = 0, epoch: Int64 = -1, mayBeInSync: Bool = true
    ) -> [PartitionLeader.Effect] {
        step(
            .followerFetched(
                BrokerID(follower), from: offset, logStart: logStart, brokerEpoch: epoch, mayBeInSync: mayBeInSync))
    }

    mutating func register(_ follower: Int32, epoch: Int64?) -> [PartitionLeader.Effect] {
        step(.followerRegistered(BrokerID(follower), epoch: epoch))
    }

    mutating func tree(inSync: [Int32], version: Int32) -> [PartitionLeader.Effect] {
        var term = leader.term
        term.inSync = inSync.map { BrokerID($0) }
        term.stateVersion = version
        return step(.termChanged(term))
    }
}

private func change(_ inSync: [Int32], _ version: Int32 = 7) -> PartitionLeader.Effect {
    .changeInSync(inSync.map { BrokerID($0) }, stateVersion: version)
}

@Suite struct PartitionLeaderTests {
    @Test func whatFollowersMayHoldBehindTheEndIsNotSettled() {
        var led = Led(end: 10, highWatermark: 10)
        #expect(!led.leader.isSettled)
        _ = led.fetch(2, 10)
        #expect(!led.leader.isSettled)
        _ = led.fetch(3, 8)
        #expect(!led.leader.isSettled)
        _ = led.tree(inSync: [1, 2], version: 8)
        #expect(led.leader.isSettled)
        _ = led.step(.appended(end: 11))
        #expect(!led.leader.isSettled)
        _ = led.fetch(2, 11)
        _ = led.fetch(3, 11)
        #expect(led.leader.isSettled)
    }

    @Test func whatAllInSyncHaveIsCommitted() {
        var led = Led()
        #expect(led.step(.appended(end: 10)).isEmpty)
        #expect(led.fetch(2, 10).isEmpty)
        #expect(led.fetch(3, 4) == [.advanceHighWatermark(4)])
        #expect(led.fetch(3, 10) == [.advanceHighWatermark(10)])
    }

    @Test func aLeaderAloneInSyncCommitsAtOnce() {
        var led = Led(inSync: [1])
        #expect(led.step(.appended(end: 3)) == [.advanceHighWatermark(3)])
    }

    @Test func aFollowerWhosePositionIsUnknownHoldsTheHighWatermark() {
        var led = Led(inSync: [1, 2], end: 10, highWatermark: 5)
        #expect(led.step(.appended(end: 12)).isEmpty)
        #expect(led.fetch(2, 3).isEmpty)
        #expect(led.leader.highWatermark == 5)
        #expect(led.fetch(2, 11) == [.advanceHighWatermark(11)])
    }

    @Test func nothingIsCommittedWithFewerInSyncThanAskedFor() {
        var led = Led(inSync: [1], minimum: 2)
        #expect(led.step(.appended(end: 3)).isEmpty)
        #expect(led.leader.isUnderMinimum)
        #expect(led.fetch(2, 3) == [change([1, 2])])
        #expect(led.tree(inSync: [1, 2], version: 8) == [.advanceHighWatermark(3)])
    }

    @Test("min.insync.replicas above the number of replicas asks for all of them, as in Apache Kafka 3.9")
    func theMinimumIsBoundedByTheReplicas() {
        var led = Led(replicas: 1, inSync: [1], minimum: 2)
        #expect(!led.leader.isUnderMinimum)
        #expect(led.step(.appended(end: 3)) == [.advanceHighWatermark(3)])
    }

    @Test func aFollowerJoinsOnceItHasAllThatIsCommitted() {
        var led = Led(inSync: [1, 2], end: 10, highWatermark: 10)
        #expect(led.fetch(2, 10).isEmpty)
        #expect(led.fetch(3, 9).isEmpty)
        #expect(led.fetch(3, 10) == [change([1, 2, 3])])
        #expect(led.fetch(3, 10).isEmpty, "one change at a time")
    }

    @Test("A new leader may not know yet how much is committed: nobody joins before where its epoch began")
    func aFollowerBehindTheEpochsStartDoesNotJoin() {
        var led = Led(inSync: [1, 2], end: 10, highWatermark: 4)
        #expect(led.fetch(3, 9).isEmpty)
        #expect(led.fetch(3, 10) == [change([1, 2, 3])])
    }

    @Test func aBrokerThatMayNotBeInSyncDoesNotJoin() {
        var led = Led(inSync: [1, 2])
        #expect(led.fetch(3, 0, mayBeInSync: false).isEmpty)
        _ = led.fetch(2, 0)
        _ = led.step(.appended(end: 5))
        #expect(led.fetch(2, 5) == [.advanceHighWatermark(5)], "nor is it waited for")
    }

    @Test("Idle followers say where they are once: who came during a change joins after it")
    func bothIdleFollowersJoin() {
        var led = Led(inSync: [1])
        #expect(led.fetch(2, 0) == [change([1, 2])])
        #expect(led.fetch(3, 0).isEmpty)
        #expect(led.tree(inSync: [1, 2], version: 8) == [change([1, 2, 3], 8)])
        #expect(led.tree(inSync: [1, 2, 3], version: 9).isEmpty)
    }

    @Test("A follower may be heard of before its registration, and counts once that is known")
    func aFollowerWhoseRegistrationComesLaterJoins() {
        var led = Led(inSync: [1, 2])
        #expect(led.fetch(3, 0, epoch: 17, mayBeInSync: false).isEmpty)
        #expect(led.register(3, epoch: 16).isEmpty)
        #expect(led.register(3, epoch: 17) == [change([1, 2, 3])])
    }

    @Test("What a follower said before it was started again counts no more (KIP-903)")
    func aFollowerThatIsAnotherProcessHasToFetchAgain() {
        var led = Led(inSync: [1])
        #expect(led.fetch(2, 0) == [change([1, 2])])
        #expect(led.fetch(3, 0, epoch: 17).isEmpty)
        #expect(led.register(3, epoch: nil).isEmpty)
        #expect(led.register(3, epoch: 18).isEmpty)
        #expect(led.tree(inSync: [1, 2], version: 8).isEmpty)
        #expect(led.fetch(3, 0, epoch: 18) == [change([1, 2, 3], 8)])
    }

    @Test("One that does not say under which registration it fetches has to fetch again after any other")
    func aFollowerWithoutAnEpochIsNotTrustedAfterARegistration() {
        var led = Led(inSync: [1])
        #expect(led.fetch(2, 0) == [change([1, 2])])
        #expect(led.fetch(3, 0).isEmpty)
        #expect(led.register(3, epoch: -1).isEmpty)
        #expect(led.tree(inSync: [1, 2], version: 8).isEmpty)
    }

    @Test func aPendingExpansionIsWaitedFor() {
        var led = Led(inSync: [1])
        #expect(led.fetch(2, 0) == [change([1, 2])])
        #expect(led.step(.appended(end: 5)).isEmpty)
        #expect(led.step(.inSyncChangeFailed).isEmpty, "nor does it count as refused before the tree shows so")
        #expect(led.tree(inSync: [1], version: 7).isEmpty)
        // Another state of the tree: the change was not made.
        #expect(led.tree(inSync: [1], version: 8).isEmpty, "2 was at the end a moment ago, and is waited for still")
        led.now = led.leader.deadline
        #expect(led.step(.tick) == [.advanceHighWatermark(5)])
        #expect(led.leader.deadline == .never, "and then it is not watched any more")
    }

    @Test func aPendingShrinkStillCountsTheOldSet() {
        var led = Led(inSync: [1, 2])
        _ = led.fetch(2, 0)
        _ = led.step(.appended(end: 5))
        #expect(led.leader.deadline == led.now + .seconds(30))
        led.now = led.leader.deadline
        #expect(led.step(.tick) == [change([1])])
        #expect(led.leader.highWatermark == 0)
        #expect(led.tree(inSync: [1], version: 8) == [.advanceHighWatermark(5)])
    }

    @Test func aFailedChangeIsAskedForAgain() {
        var led = Led(inSync: [1])
        _ = led.fetch(2, 0)
        #expect(led.leader.deadline == .never)
        _ = led.step(.inSyncChangeFailed)
        led.now = led.leader.deadline
        #expect(led.step(.tick) == [change([1, 2])])
        #expect(led.leader.deadline == .never)
        #expect(led.tree(inSync: [1, 2], version: 8).isEmpty)
    }

    @Test func oneThatKeepsUpUnderLoadStaysInSync() {
        var led = Led(inSync: [1, 2])
        var end: Offset = 0
        for _ in 0..<100 {
            end += 10
            _ = led.step(.appended(end: end))
            led.now = led.now + .seconds(1)
            // Always ten behind, never at the end.
            let effects = led.fetch(2, end - 10)
            #expect(!effects.contains(change([1])))
            if led.leader.deadline <= led.now { #expect(led.step(.tick).isEmpty) }
        }
        #expect(led.leader.highWatermark == end - 10)
    }

    @Test func oneThatFallsBehindMoreAndMoreLeaves() {
        var led = Led(inSync: [1, 2])
        var end: Offset = 0
        var shrank = false
        for second in 0..<100 where !shrank {
            end += 10
            _ = led.step(.appended(end: end))
            led.now = led.now + .seconds(1)
            _ = led.fetch(2, Offset(second) * 5)
            if led.leader.deadline <= led.now { shrank = led.step(.tick) == [change([1])] }
        }
        #expect(shrank)
    }

    @Test func idleFollowersAreNotWatched() {
        var led = Led(inSync: [1, 2])
        _ = led.step(.appended(end: 5))
        _ = led.fetch(2, 5)
        _ = led.fetch(3, 5, mayBeInSync: false)
        #expect(led.leader.deadline == .never)
    }

    @Test func oneThatNeverFetchesLeaves() {
        var led = Led(inSync: [1, 2], end: 3)
        led.now = led.leader.deadline
        #expect(led.step(.tick) == [change([1])])
    }

    @Test func aNewReplicaIsKnownAndAnOldOneForgotten() {
        var led = Led(replicas: 2, inSync: [1, 2])
        var term = led.leader.term
        term.replicas = [1, 3].map { BrokerID($0) }
        term.inSync = [BrokerID(1)]
        term.stateVersion = 8
        _ = led.step(.termChanged(term))
        #expect(led.step(.appended(end: 4)) == [.advanceHighWatermark(4)])
        #expect(led.fetch(2, 4).isEmpty)
        #expect(led.fetch(3, 4) == [change([1, 3], 8)])
    }

    @Test func anOlderStateOfTheTreeIsIgnored() {
        var led = Led(inSync: [1])
        _ = led.tree(inSync: [1, 2], version: 9)
        _ = led.tree(inSync: [1], version: 8)
        #expect(led.leader.term.inSync == [BrokerID(1), BrokerID(2)])
    }

    // MARK: - Alone in sync

    @Test func aLeaderAloneInSyncCommitsWhatItHasSynced() {
        var led = Led(inSync: [1], synced: 0)
        #expect(led.step(.appended(end: 3)) == [.synchronize])
        #expect(led.step(.appended(end: 5)).isEmpty, "one sync at a time")
        #expect(led.step(.synced(upTo: 3)) == [.advanceHighWatermark(3), .synchronize])
        #expect(led.step(.synced(upTo: 5)) == [.advanceHighWatermark(5)])
        var only = Led(replicas: 1, inSync: [1], synced: 0)
        #expect(only.step(.appended(end: 3)) == [.advanceHighWatermark(3)], "a topic of one replica asks for no more")
    }

    @Test func aLeaderSyncsBeforeItIsAlone() {
        var led = Led(inSync: [1, 2], synced: 0)
        _ = led.step(.appended(end: 5))
        #expect(led.fetch(2, 5) == [.advanceHighWatermark(5)])
        _ = led.step(.appended(end: 9))
        led.now = led.leader.deadline
        #expect(led.step(.tick) == [.synchronize])
        #expect(led.leader.deadline == .never)
        #expect(led.step(.appended(end: 12)).isEmpty)
        #expect(led.step(.synced(upTo: 9)) == [change([1]), .synchronize])
        // The tree may say already that nobody else is in sync.
        #expect(led.fetch(2, 12) == [.advanceHighWatermark(9)])
        #expect(led.step(.synced(upTo: 12)) == [.advanceHighWatermark(12)])
    }

    @Test func oneThatIsBackWhenTheLogIsSyncedStays() {
        var led = Led(inSync: [1, 2], synced: 0)
        _ = led.step(.appended(end: 5))
        _ = led.fetch(2, 5)
        _ = led.step(.appended(end: 9))
        led.now = led.leader.deadline
        #expect(led.step(.tick) == [.synchronize])
        #expect(led.fetch(2, 9) == [.advanceHighWatermark(9)])
        #expect(led.step(.synced(upTo: 9)).isEmpty)
        #expect(led.step(.appended(end: 12)).isEmpty)
    }

    @Test func theLastThatStaysTakesOutWhoLeaves() {
        var led = Led(inSync: [1, 2], synced: 0)
        _ = led.step(.appended(end: 5))
        #expect(led.fetch(2, 5) == [.advanceHighWatermark(5)])
        #expect(led.register(2, epoch: nil) == [.synchronize])
        #expect(led.step(.synced(upTo: 5)) == [change([1])])
        var others = Led()
        #expect(others.register(2, epoch: nil).isEmpty, "the controller's task while 3 stays")
        #expect(others.register(3, epoch: nil) == [change([1])])
    }

    @Test func oneThatLeavesDuringAChangeIsTakenOutAfterIt() {
        var led = Led(inSync: [1, 2])
        #expect(led.fetch(3, 0) == [change([1, 2, 3])])
        #expect(led.register(3, epoch: nil).isEmpty)
        #expect(led.register(2, epoch: nil).isEmpty)
        #expect(led.tree(inSync: [1, 2], version: 8).isEmpty)
        #expect(led.leader.deadline == led.now)
        #expect(led.step(.tick) == [change([1], 8)])
        // Or it does not leave after all.
        var back = Led(inSync: [1, 2])
        _ = back.fetch(3, 0)
        _ = back.register(2, epoch: nil)
        _ = back.register(2, epoch: 5)
        #expect(back.tree(inSync: [1, 2, 3], version: 8).isEmpty)
        #expect(back.leader.deadline > back.now)
    }

    @Test("What an earlier leader told of may be more than the new one knows to be committed")
    func aLeaderThatIsLeftAloneSyncsWhatWasPromised() {
        var led = Led(inSync: [1], end: 10, highWatermark: 4, synced: 3, minimum: 2)
        #expect(!led.leader.isDurable)
        #expect(led.step(.tick) == [.synchronize])
        #expect(led.step(.synced(upTo: 10)).isEmpty)
        #expect(led.leader.isDurable)
        #expect(led.step(.appended(end: 12)).isEmpty, "nothing is committed with so few, and nothing promised")
    }

    @Test func consumersMayReadFromFollowersThatHoldWhatTheyWant() {
        var led = Led(replicas: 4, inSync: [1, 2, 3], end: 10)
        #expect(led.leader.inSyncFollowers(holding: 0).isEmpty, "nobody has fetched in this term")
        for follower: Int32 in 2...4 { _ = led.fetch(follower, 6, logStart: 2) }
        #expect(led.leader.inSyncFollowers(holding: 6) == [BrokerID(3), BrokerID(2)], "4 is not in sync")
        #expect(led.leader.inSyncFollowers(holding: 7).isEmpty)
        #expect(led.leader.inSyncFollowers(holding: 1).isEmpty)
        _ = led.fetch(2, 9, logStart: 2)
        #expect(led.leader.inSyncFollowers(holding: 2) == [BrokerID(2), BrokerID(3)])
    }

    @Test func ofFollowersThatEndAlikeTheOneCaughtUpLastComesFirst() {
        var led = Led(end: 10)
        _ = led.fetch(3, 10)
        led.now = led.now + .seconds(1)
        _ = led.fetch(2, 10)
        #expect(led.leader.inSyncFollowers(holding: 0) == [BrokerID(2), BrokerID(3)])
    }

    @Test func theLowWatermarkIsThatOfTheLivingReplicaThatBeginsFirst() {
        var led = Led(end: 10)
        _ = led.fetch(2, 10, logStart: 4)
        #expect(led.leader.lowWatermark(from: 5) { _ in true } == -1, "3 has not said where its log begins")
        #expect(led.leader.lowWatermark(from: 5) { $0 != BrokerID(3) } == 4)
        _ = led.fetch(3, 10, logStart: 6)
        #expect(led.leader.lowWatermark(from: 5) { _ in true } == 4)
        _ = led.fetch(2, 10, logStart: 7)
        #expect(led.leader.lowWatermark(from: 5) { _ in true } == 5)
    }
}
