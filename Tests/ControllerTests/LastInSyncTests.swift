import ClusterModel
import Controller
import Testing

/// The last members of an in-sync set: who is registered may have lost its power a moment ago, and what it lacks then
/// only those have who died before.
@Suite("Nobody is left alone in sync but by itself")
struct LastInSyncTests {
    private let controller = ClusterController(epoch: 3, epochNodeVersion: 5, uncleanElectionByDefault: false)
    private let a = BrokerID(1)
    private let b = BrokerID(2)
    private let c = BrokerID(3)
    private let t0 = TopicPartition(topic: "t", partition: 0)

    /// A partition on all three.
    private func image(leader: BrokerID?, isr: [BrokerID]) -> ClusterImage {
        var image = ClusterImage(clusterID: "x")
        var partition = PartitionImage(replicas: [a, b, c])
        partition.setState(
            PartitionState(leader: leader, leaderEpoch: 4, isr: isr, controllerEpoch: 1), version: 8)
        image.setTopic("t", TopicImage(id: KafkaUUID(high: 1, low: 1), partitions: [partition]))
        return image
    }

    /// Lets the controller act, with these brokers alive, until it has nothing to do.
    private func settle(_ image: inout ClusterImage, alive: [BrokerID], leaving: [BrokerID] = []) throws {
        image.brokers = [:]
        for id in alive {
            image.brokers[id] = BrokerRegistration(endpoints: [], isShuttingDown: leaving.contains(id))
        }
        for _ in 0..<3 {
            let steps = controller.steps(for: image)
            if steps.isEmpty { return }
            for case .write(let writes) in steps { for write in writes { try make(write, on: &image) } }
        }
        Issue.record("the controller finds no end")
    }

    private func make(_ write: TreeWrite, on image: inout ClusterImage) throws {
        guard case .set(let path, let data, let version) = write, let node = TreeNode(path: path) else {
            Issue.record("not expected here: \(write)")
            return
        }
        try image.take(node, NodeReading(data: data, version: version + 1, created: 1))
    }

    private func state(_ image: ClusterImage) -> (leader: BrokerID?, isr: [BrokerID], epoch: LeaderEpoch) {
        let partition = image.partition(t0)
        return (partition?.leader, partition?.isr ?? [], partition?.leaderEpoch ?? -1)
    }

    @Test func theDeadAreKeptWithTheLastThatLives() throws {
        for dead in [[b], [b, c]] {
            var image = image(leader: a, isr: [a] + dead)
            try settle(&image, alive: [a, b, c].filter { !dead.contains($0) })
            #expect(state(image) == (a, [a] + dead, 4))
        }
    }

    @Test("Who is left leads at once, with the dead leader in sync until it has taken that one out itself")
    func theLastThatLivesLeads() throws {
        var image = image(leader: a, isr: [a, b])
        try settle(&image, alive: [b, c])
        #expect(state(image) == (b, [a, b], 5))
        try settle(&image, alive: [b], leaving: [b])
        #expect(state(image) == (b, [a, b], 5), "nor is the last one left alone when it is about to stop")
    }

    @Test func theDeadLeaveWhileTwoLive() throws {
        var image = image(leader: a, isr: [a, b, c])
        try settle(&image, alive: [b, c])
        #expect(state(image) == (b, [b, c], 5))
        try settle(&image, alive: [b])
        #expect(state(image) == (b, [b, c], 5))
        try settle(&image, alive: [])
        #expect(state(image) == (nil, [b, c], 6))
        try settle(&image, alive: [c])
        #expect(state(image) == (c, [b, c], 7))
    }

    /// Seed 30257 of the simulation of regions.
    @Test("A leader loses its power, and the other one in sync stops before anybody knows")
    func aStopWhileTheLeaderIsWithoutPower() throws {
        var image = image(leader: a, isr: [a, b])
        try settle(&image, alive: [a, b, c], leaving: [b])
        try settle(&image, alive: [a, c])
        try settle(&image, alive: [c])
        #expect(state(image) == (nil, [a, b], 5))
        // Back, and not sure of the ends of its logs.
        for (_, transaction) in LostTail.transactions(of: a, in: image) {
            for write in transaction.writes { try make(write, on: &image) }
        }
        try settle(&image, alive: [a, c])
        #expect(state(image) == (nil, [b], 5))
        try settle(&image, alive: [a, b, c])
        #expect(state(image) == (b, [b], 6))
    }

    @Test("One that lives and cannot serve its replica has nothing to be kept for")
    func aFailedReplicaLeaves() throws {
        var image = image(leader: a, isr: [a, b, c])
        try settle(&image, alive: [a, b, c])
        image.brokers[b]?.offlineReplicas = [t0]
        image.brokers[c] = nil
        for case .write(let writes) in controller.steps(for: image) {
            for write in writes { try make(write, on: &image) }
        }
        #expect(state(image) == (a, [a, c], 5))
    }
}
