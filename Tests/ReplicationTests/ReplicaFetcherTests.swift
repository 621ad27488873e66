import ClusterModel
import Seams
import Testing

@testable import Replication

@Suite struct ReplicaFetcherTests {
    private let now = Instant(nanoseconds: 0, unixMilliseconds: 0)
    private let id = KafkaUUID(high: 1, low: 1)
    private func partition(_ index: Int32) -> TopicPartition { TopicPartition(topic: "t", partition: index) }

    private func fetcher(_ partitions: Int32) -> ReplicaFetcher {
        var fetcher = ReplicaFetcher(leader: BrokerID(2), backoff: .seconds(1))
        for index in 0..<partitions { fetcher.follow(partition(index), topicID: id, leaderEpoch: 3) }
        return fetcher
    }

    @Test func aSessionTellsEachPartitionOnceAndThenWhatMoved() {
        var fetcher = fetcher(3)
        #expect(
            fetcher.nextOrder(at: now)
                == FetchOrder(sessionID: 0, sessionEpoch: 0, told: (0..<3).map(partition), forgotten: []))
        #expect(fetcher.nextOrder(at: now) == nil, "one request at a time")
        fetcher.replied(sessionID: 9)
        fetcher.moved(partition(1))
        fetcher.moved(partition(1))
        #expect(
            fetcher.nextOrder(at: now) == FetchOrder(sessionID: 9, sessionEpoch: 1, told: [partition(1)], forgotten: [])
        )
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now) == FetchOrder(sessionID: 9, sessionEpoch: 2, told: [], forgotten: []))
    }

    @Test func whatWasToldIsSaidAgainWhenAskedFor() {
        var fetcher = fetcher(3)
        _ = fetcher.nextOrder(at: now)
        fetcher.delay(partition(2), until: now + .seconds(5))
        fetcher.repeatAll()
        #expect(fetcher.nextOrder(at: now) == nil, "no second request beside the one under way")
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now)?.told == [partition(0), partition(1)])
    }

    @Test func whatLeavesIsForgottenAndItsAnswersAreNotTaken() {
        var fetcher = fetcher(2)
        _ = fetcher.nextOrder(at: now)
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .current)
        fetcher.leave(partition(0))
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .stale)
        fetcher.follow(partition(0), topicID: id, leaderEpoch: 4)
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .stale)
        fetcher.replied(sessionID: 9)
        #expect(
            fetcher.nextOrder(at: now)
                == FetchOrder(
                    sessionID: 9, sessionEpoch: 1, told: [partition(0)],
                    forgotten: [ForgottenPartition(partition: partition(0), topicID: id)]))
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .current)
    }

    @Test func anAnswerOfAnEpochThatIsOverIsNotTaken() {
        var fetcher = fetcher(1)
        _ = fetcher.nextOrder(at: now)
        fetcher.follow(partition(0), topicID: id, leaderEpoch: 4)
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .stale)
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now)?.told == [partition(0)])
    }

    @Test func anAnswerOnItsWayToALogThatWasCutIsNotTaken() {
        var fetcher = fetcher(2)
        _ = fetcher.nextOrder(at: now)
        fetcher.cut(partition(0))
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .stale)
        #expect(fetcher.use(ofAnswerAbout: partition(1)) == .current)
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now)?.told == [partition(0)])
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .current)
    }

    @Test func aLogThatWasCutIsToldOnlyWhenNoAnswerCanBeAboutTheTimeBefore() {
        var fetcher = fetcher(2)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 9)
        fetcher.moved(partition(1))
        _ = fetcher.nextOrder(at: now)
        fetcher.cut(partition(0))
        let forgets = fetcher.nextOrder(at: now)
        #expect(forgets?.told == [] && forgets?.forgotten.map(\.partition) == [partition(0)])
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .stale)
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now)?.told == [partition(0)])
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .current)
    }

    @Test func aRefusedPartitionIsLeftOutForAWhile() {
        var fetcher = fetcher(2)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 9)
        fetcher.delay(partition(0), until: now + .seconds(1))
        #expect(fetcher.deadline == now + .seconds(1))
        let order = fetcher.nextOrder(at: now)
        #expect(order?.told == [])
        #expect(order?.forgotten == [ForgottenPartition(partition: partition(0), topicID: id)])
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now + .seconds(1))?.told == [partition(0)])
    }

    @Test func aBrokenConnectionBeginsANewSessionAfterAWhile() {
        var fetcher = fetcher(2)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 9)
        _ = fetcher.nextOrder(at: now)
        fetcher.failed(at: now)
        #expect(fetcher.nextOrder(at: now) == nil)
        #expect(fetcher.deadline == now + .seconds(1))
        #expect(
            fetcher.nextOrder(at: now + .seconds(1))
                == FetchOrder(sessionID: 0, sessionEpoch: 0, told: (0..<2).map(partition), forgotten: []))
    }

    @Test func whenAllIsRefusedNothingIsAskedUntilTime() {
        var fetcher = fetcher(1)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 9)
        fetcher.delay(partition(0), until: now + .seconds(1))
        #expect(fetcher.nextOrder(at: now)?.forgotten.count == 1)
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now) == nil)
        #expect(fetcher.deadline == now + .seconds(1))
    }

    @Test func aTopicThatWasMadeAnewIsForgottenByItsOldID() {
        var fetcher = fetcher(1)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 9)
        fetcher.follow(partition(0), topicID: KafkaUUID(high: 2, low: 2), leaderEpoch: 0)
        let order = fetcher.nextOrder(at: now)
        #expect(order?.told == [partition(0)])
        #expect(order?.forgotten == [ForgottenPartition(partition: partition(0), topicID: id)])
    }

    @Test func aNewPartitionDoesNotWaitWithTheRequestUnderWay() {
        var fetcher = fetcher(1)
        _ = fetcher.nextOrder(at: now)
        fetcher.follow(partition(1), topicID: id, leaderEpoch: 3)
        #expect(fetcher.nextOrder(at: now) == nil, "there is no session yet")
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now)?.told == [partition(1)])
        fetcher.follow(partition(2), topicID: id, leaderEpoch: 3)
        #expect(
            fetcher.nextOrder(at: now) == FetchOrder(sessionID: 9, sessionEpoch: 2, told: [partition(2)], forgotten: [])
        )
        fetcher.follow(partition(3), topicID: id, leaderEpoch: 3)
        #expect(fetcher.nextOrder(at: now) == nil, "two are under way")
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now)?.sessionEpoch == 3)
        fetcher.replied(sessionID: 9)
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now) == FetchOrder(sessionID: 9, sessionEpoch: 4, told: [], forgotten: []))
    }

    @Test func whatMovesIsNotToldBesideARequestUnderWayAndItsNextAnswerIsARepetition() {
        var fetcher = fetcher(1)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 9)
        _ = fetcher.nextOrder(at: now)
        fetcher.follow(partition(1), topicID: id, leaderEpoch: 3)
        #expect(fetcher.nextOrder(at: now)?.told == [partition(1)])
        // The first answer has records of partition 0, and so may the second have.
        fetcher.moved(partition(0))
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now) == nil)
        #expect(fetcher.use(ofAnswerAbout: partition(0)) == .repeated)
        #expect(fetcher.use(ofAnswerAbout: partition(1)) == .current)
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now)?.told == [partition(0)])
    }

    @Test func whatLeftAndCameBackIsForgottenBeforeItIsToldAgain() {
        var fetcher = fetcher(2)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 9)
        _ = fetcher.nextOrder(at: now)
        fetcher.leave(partition(1))
        fetcher.follow(partition(1), topicID: id, leaderEpoch: 5)
        let gone = ForgottenPartition(partition: partition(1), topicID: id)
        #expect(
            fetcher.nextOrder(at: now) == FetchOrder(sessionID: 9, sessionEpoch: 2, told: [], forgotten: [gone]))
        #expect(fetcher.use(ofAnswerAbout: partition(1)) == .stale, "the answers under way are of its time before")
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now)?.told == [partition(1)])
    }

    @Test func aRefusedPartitionIsTriedAgainSoonAndThenEverMoreSeldom() {
        var fetcher = fetcher(1)
        var time = now
        var waits: [Int64] = []
        for _ in 0..<8 {
            #expect(fetcher.nextOrder(at: time)?.told == [partition(0)])
            fetcher.refused(partition(0), at: time)
            fetcher.replied(sessionID: 0)
            waits.append((fetcher.deadline - time).nanoseconds / 1_000)
            time = fetcher.deadline
        }
        #expect(waits == [15_625, 31_250, 62_500, 125_000, 250_000, 500_000, 1_000_000, 1_000_000])
        _ = fetcher.nextOrder(at: time)
        fetcher.accepted(partition(0))
        fetcher.refused(partition(0), at: time)
        fetcher.replied(sessionID: 0)
        #expect(fetcher.deadline == time + .microseconds(15_625))
    }

    @Test func answersOfASessionThatWasGivenUpChangeNothing() {
        var fetcher = fetcher(1)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 9)
        _ = fetcher.nextOrder(at: now)
        fetcher.follow(partition(1), topicID: id, leaderEpoch: 3)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 0)
        #expect(fetcher.nextOrder(at: now) == nil, "one is still under way")
        #expect(fetcher.use(ofAnswerAbout: partition(1)) == .stale)
        fetcher.replied(sessionID: 9)
        #expect(
            fetcher.nextOrder(at: now)
                == FetchOrder(sessionID: 0, sessionEpoch: 0, told: (0..<2).map(partition), forgotten: []))
    }
}
