import ClusterModel
import Controller
import Testing

@Suite struct ClusterImageTests {
    private func image() -> ClusterImage {
        var image = ClusterImage(clusterID: "c")
        image.brokers[BrokerID(1)] = BrokerRegistration(endpoints: [], epoch: 5)
        for (index, name) in ["a", "b", "c"].enumerated() {
            let partition = PartitionImage(replicas: [BrokerID(1)])
            image.setTopic(name, TopicImage(id: KafkaUUID(high: 1, low: UInt64(index)), partitions: [partition]))
        }
        return image
    }

    @Test func tellsWhatChanged() {
        let older = image()
        var newer = older
        #expect(newer.changes(since: older) == ClusterChanges())
        newer.setTopic("d", TopicImage(id: KafkaUUID(high: 2, low: 0)))
        newer.setTopic("a", nil)
        newer.updateTopic("b") { $0.partitions[0].leader = BrokerID(1) }
        newer.brokers[BrokerID(1)]?.epoch = 6
        newer.brokers[BrokerID(2)] = BrokerRegistration(endpoints: [])
        newer.controllerEpoch = 3
        let changes = newer.changes(since: older)
        #expect(changes.topicsAdded == ["d"])
        #expect(changes.topicsRemoved == ["a"])
        #expect(changes.topicsChanged == ["b"])
        #expect(changes.brokersChanged == [BrokerID(1), BrokerID(2)])
        #expect(changes.controllerChanged)
    }

    @Test func keepsNamesByIdWithTheTopics() {
        var image = image()
        let id = KafkaUUID(high: 1, low: 1)
        #expect(image.topicName(of: id) == "b")
        image.setTopic("b", TopicImage(id: KafkaUUID(high: 9, low: 9)))
        #expect(image.topicName(of: id) == nil)
        #expect(image.topicName(of: KafkaUUID(high: 9, low: 9)) == "b")
        image.updateTopic("b") { $0.id = id }
        #expect(image.topicName(of: id) == "b")
        image.setTopic("b", nil)
        #expect(image.topicName(of: id) == nil)
    }

    @Test func findsPartitionsOnlyInRange() {
        let image = image()
        #expect(image.partition(TopicPartition(topic: "a", partition: 0))?.replicas == [BrokerID(1)])
        #expect(image.partition(TopicPartition(topic: "a", partition: 1)) == nil)
        #expect(image.partition(TopicPartition(topic: "a", partition: -1)) == nil)
        #expect(image.partition(TopicPartition(topic: "z", partition: 0)) == nil)
    }

    @Test func aPartitionWithoutStateHasNoLeader() {
        var partition = PartitionImage(replicas: [BrokerID(1), BrokerID(2)])
        #expect(partition.state == nil)
        let state = PartitionState(leader: BrokerID(2), leaderEpoch: 4, isr: [BrokerID(2)], controllerEpoch: 7)
        partition.setState(state, version: 3)
        #expect(partition.state == state)
        #expect(partition.stateVersion == 3)
        partition.setState(nil, version: 0)
        #expect(partition == PartitionImage(replicas: [BrokerID(1), BrokerID(2)]))
    }
}
