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

    @Test func nobodyIsElectedWhereItsReplicaIsOffline() throws {
        let (first, second) = (BrokerID(1), BrokerID(2))
        var image = ClusterImage(clusterID: "c")
        image.brokers[first] = registration(offline: [partition])
        image.brokers[second] = registration()
        #expect(image.isOffline(partition, on: first) && !image.isOffline(partition, on: second))
        #expect(image.isOffline(partition, on: BrokerID(3)))
        func elected(_ id: TopicPartition, leader: BrokerID?, isr: [BrokerID], isUnclean: Bool) -> BrokerID? {
            var one = PartitionImage(replicas: [first, second])
            (one.leader, one.leaderEpoch, one.isr, one.stateVersion) = (leader, 5, isr, 0)
            do throws(ChangeRefusal) {
                return try one.election(of: id, isUnclean: isUnclean, in: image).leader
            } catch {
                return nil
            }
        }
        let other = TopicPartition(topic: "a-b", partition: 2)
        #expect(elected(other, leader: second, isr: [first, second], isUnclean: false) == first)
        #expect(elected(partition, leader: second, isr: [first, second], isUnclean: false) == nil)
        #expect(elected(other, leader: nil, isr: [first], isUnclean: true) == first)
        #expect(elected(partition, leader: nil, isr: [first], isUnclean: true) == second)
        // A leader that lives and cannot serve it leads nothing.
        #expect(elected(partition, leader: first, isr: [first], isUnclean: true) == second)
    }
}
