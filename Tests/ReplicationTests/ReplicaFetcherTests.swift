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

    @Test func whatLeavesIsForgottenAndItsAnswersAreNotTaken() {
        var fetcher = fetcher(2)
        _ = fetcher.nextOrder(at: now)
        #expect(fetcher.answeredEpoch(of: partition(0)) == 3)
        fetcher.leave(partition(0))
        #expect(fetcher.answeredEpoch(of: partition(0)) == nil)
        fetcher.follow(partition(0), topicID: id, leaderEpoch: 4)
        #expect(fetcher.answeredEpoch(of: partition(0)) == nil)
        fetcher.replied(sessionID: 9)
        #expect(
            fetcher.nextOrder(at: now)
                == FetchOrder(
                    sessionID: 9, sessionEpoch: 1, told: [partition(0)],
                    forgotten: [ForgottenPartition(partition: partition(0), topicID: id)]))
        #expect(fetcher.answeredEpoch(of: partition(0)) == 4)
    }

    @Test func anAnswerOfAnEpochThatIsOverIsNotTaken() {
        var fetcher = fetcher(1)
        _ = fetcher.nextOrder(at: now)
        fetcher.follow(partition(0), topicID: id, leaderEpoch: 4)
        #expect(fetcher.answeredEpoch(of: partition(0)) == nil)
        fetcher.replied(sessionID: 9)
        #expect(fetcher.nextOrder(at: now)?.told == [partition(0)])
    }

    @Test func aRefusedPartitionIsLeftOutForAWhile() {
        var fetcher = fetcher(2)
        _ = fetcher.nextOrder(at: now)
        fetcher.replied(sessionID: 9)
        fetcher.delay(partition(0), at: now)
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
        fetcher.delay(partition(0), at: now)
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
}
