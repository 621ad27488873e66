import ClusterModel
import Controller
import Testing

@Suite struct OfflineReplicaTests {
    private let partition = TopicPartition(topic: "a-b", partition: 3)

    private func registration(offline: Set<TopicPartition> = []) -> BrokerRegistration {
        var registration = BrokerRegistration(endpoints: [
            BrokerEndpoint(listenerName: "PLAINTEXT", securityProtocol: "PLAINTEXT", host: "h", port: 1)
        ])
        registration.offlineReplicas = offline
        return registration
    }

    @Test func registrationsTellWhichReplicasAreOffline() throws {
        let marked = registration(offline: [partition, TopicPartition(topic: "c", partition: 0)])
        #expect(try BrokerRegistration(parsing: marked.text(at: 0), epoch: -1) == marked)
        #expect(try BrokerRegistration(parsing: registration().text(at: 0), epoch: -1).offlineReplicas.isEmpty)
        let text = String(decoding: marked.text(at: 0), as: UTF8.self)
        #expect(throws: MalformedNode.self) {
            try BrokerRegistration(parsing: Array(text.replacing("a-b-3", with: "nowhere").utf8), epoch: -1)
        }
    }

    @Test func aReplicaThatIsOfflineIsCountedAsDeadForItsPartitionOnly() throws {
        var image = ClusterImage(clusterID: "c")
        image.brokers[BrokerID(1)] = registration(offline: [partition])
        image.brokers[BrokerID(2)] = registration()
        let brokers = BrokerStanding(image)
        #expect(brokers.stays(BrokerID(1)) && !brokers.serving(partition).isAlive(BrokerID(1)))
        let replicas = [BrokerID(1), BrokerID(2)]
        let state = PartitionState(leader: BrokerID(1), leaderEpoch: 5, isr: replicas, controllerEpoch: 1)
        let next = try #require(
            PartitionLeadership.nextState(
                of: state, replicas: replicas, uncleanAllowed: false, brokers.serving(partition), controllerEpoch: 1))
        #expect(next.leader == BrokerID(2) && next.isr == [BrokerID(2)] && next.leaderEpoch == 6)
        // Alone in sync it stays so, and nobody leads until it can be served.
        let alone = PartitionState(leader: BrokerID(1), leaderEpoch: 5, isr: [BrokerID(1)], controllerEpoch: 1)
        let waiting = try #require(
            PartitionLeadership.nextState(
                of: alone, replicas: replicas, uncleanAllowed: false, brokers.serving(partition), controllerEpoch: 1))
        #expect(waiting.leader == nil && waiting.isr == [BrokerID(1)])
        let other = TopicPartition(topic: "a-b", partition: 2)
        #expect(brokers.serving(other) == brokers)
    }
}
