import ClusterModel
import Testing

@testable import MartletClient
@testable import Tool

@Suite struct MoveThrottleTests {
    private func partition(_ index: Int32) -> TopicPartition { TopicPartition(topic: "t", partition: index) }
    private func brokers(_ ids: Int32...) -> [BrokerID] { ids.map { BrokerID($0) } }

    @Test func whoGivesAndWhoTakesIsNamed() {
        let throttle = MoveThrottle(
            targets: [partition(0): brokers(1, 4), partition(11): brokers(2, 1)], underWay: [],
            replicas: [partition(0): brokers(1, 2), partition(11): brokers(1, 2)])
        #expect(throttle.brokers == brokers(1, 2, 4))
        #expect(
            throttle.topics == [
                "t": [
                    "leader.replication.throttled.replicas": "0:1,0:2,11:1,11:2",
                    "follower.replication.throttled.replicas": "0:4",
                ]
            ])
    }

    @Test func movesUnderWayAreThrottledToo() {
        let move = Administrator.Move(
            partition: partition(3), replicas: brokers(1, 5, 2), adding: brokers(5), removing: brokers(2))
        let alone = MoveThrottle(targets: [:], underWay: [move], replicas: [:])
        #expect(alone.paths == [partition(3): .init(sources: brokers(1, 2), destinations: brokers(5))])
        let again = MoveThrottle(
            targets: [partition(3): brokers(1, 6)], underWay: [move], replicas: [partition(3): brokers(1, 5, 2)])
        #expect(again.paths == [partition(3): .init(sources: brokers(1, 2), destinations: brokers(6))])
    }
}
