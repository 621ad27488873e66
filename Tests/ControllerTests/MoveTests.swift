import ClusterModel
import Controller
import Testing

/// Moves, elections that somebody asks for, and brokers that leave.
@Suite struct MoveTests {
    private let topicID = KafkaUUID(high: 1, low: 1)
    private let controller = ClusterController(epoch: 3, epochNodeVersion: 5, uncleanElectionByDefault: false)
    private let a = BrokerID(1)
    private let b = BrokerID(2)
    private let c = BrokerID(3)
    private let d = BrokerID(4)
    private let t0 = TopicPartition(topic: "t", partition: 0)

    private func image(brokers: [BrokerID], leaving: [BrokerID] = [], _ partitions: [PartitionImage]) -> ClusterImage {
        var image = ClusterImage(clusterID: "x")
        image.controllerEpoch = 3
        for id in brokers {
            image.brokers[id] = BrokerRegistration(endpoints: [], isShuttingDown: leaving.contains(id))
        }
        image.setTopic("t", TopicImage(id: topicID, partitions: partitions))
        return image
    }

    private func partition(
        _ replicas: [BrokerID], adding: [BrokerID] = [], removing: [BrokerID] = [], leader: BrokerID?, isr: [BrokerID]
    ) -> PartitionImage {
        var partition = PartitionImage(replicas: replicas, addingReplicas: adding, removingReplicas: removing)
        let state = PartitionState(leader: leader, leaderEpoch: 4, isr: isr, controllerEpoch: 1)
        partition.setState(state, version: 8)
        return partition
    }

    /// Makes writes on an image, as the tree would.
    private func make(_ writes: [TreeWrite], on image: inout ClusterImage) throws {
        for write in writes {
            switch write {
            case .set(let path, let data, let version):
                let node = try #require(TreeNode(path: path))
                try image.take(node, NodeReading(data: data, version: version + 1, created: 1))
            case .delete(let path, _): try image.take(try #require(TreeNode(path: path)), nil)
            case .create, .check: Issue.record("not expected here: \(write)")
            }
        }
    }

    /// Lets the controller act until it has nothing to do.
    private func settle(_ image: inout ClusterImage) throws {
        for _ in 0..<10 {
            let steps = controller.steps(for: image)
            if steps.isEmpty { return }
            for case .write(let writes) in steps { try make(writes, on: &image) }
        }
        Issue.record("the controller finds no end")
    }

    private func change(_ change: TreeChange, on image: inout ClusterImage) throws {
        for transaction in try change.transactions(on: image, configNode: nil) {
            try make(transaction.writes, on: &image)
        }
    }

    @Test func aMoveAddsAndThenRemoves() throws {
        var image = image(brokers: [a, b, c, d], [partition([a, b], leader: a, isr: [a, b])])
        try change(.reassign(topic: "t", targets: [0: [c, b]]), on: &image)
        var moving = try #require(image.partition(t0))
        #expect(moving.assignment == ReplicaAssignment(replicas: [c, b, a], adding: [c], removing: [a]))
        #expect(moving.leader == a)
        try settle(&image)
        #expect(image.partition(t0)?.assignment.isMoving == true)

        try change(
            .setInSync(t0, topicID: topicID, isr: [a, b, c], leaderEpoch: 4, stateVersion: moving.stateVersion),
            on: &image)
        try settle(&image)
        moving = try #require(image.partition(t0))
        #expect(moving.assignment == ReplicaAssignment(replicas: [c, b]))
        #expect(moving.state == PartitionState(leader: c, leaderEpoch: 5, isr: [b, c], controllerEpoch: 3))
    }

    @Test func aMoveThatOnlyChangesTheOrderIsDoneAtOnce() throws {
        var image = image(brokers: [a, b], [partition([a, b], leader: a, isr: [a, b])])
        try change(.reassign(topic: "t", targets: [0: [b, a]]), on: &image)
        try settle(&image)
        #expect(image.partition(t0)?.replicas == [b, a])
        #expect(image.partition(t0)?.leader == a)
    }

    @Test func aMoveThatIsCancelledGoesBack() throws {
        let moving = partition([c, b, a], adding: [c], removing: [a], leader: c, isr: [b, c])
        var image = image(brokers: [a, b, c], [moving])
        try change(.reassign(topic: "t", targets: [0: nil]), on: &image)
        let back = try #require(image.partition(t0))
        #expect(back.assignment == ReplicaAssignment(replicas: [b, a]))
        #expect(back.state == PartitionState(leader: b, leaderEpoch: 5, isr: [b], controllerEpoch: 3))
        #expect(throws: ChangeRefusal(.noReassignmentInProgress)) {
            try change(.reassign(topic: "t", targets: [0: nil]), on: &image)
        }
    }

    @Test func aMoveTakesThePlaceOfAnother() throws {
        let moving = partition([c, b, a], adding: [c], removing: [a], leader: a, isr: [a, b, c])
        var image = image(brokers: [a, b, c, d], [moving])
        try change(.reassign(topic: "t", targets: [0: [d, b]]), on: &image)
        let other = try #require(image.partition(t0))
        #expect(other.assignment == ReplicaAssignment(replicas: [d, b, a], adding: [d], removing: [a]))
        #expect(other.isr == [a, b])
        #expect(other.leader == a)
    }

    @Test func movesThatMakeNoSenseAreRefused() throws {
        var image = image(
            brokers: [a, b], [partition([a, b], leader: a, isr: [a, b]), partition([a], leader: a, isr: [a])])
        for target in [[], [a, a], [BrokerID(-1)], [a, c]] {
            do throws(ChangeRefusal) {
                _ = try image.partition(t0)?.redirected(to: target, in: image)
                Issue.record("\(target) is no place to move to")
            } catch {
                #expect(error.reason == .invalidReplicaAssignment)
            }
        }
        // The only replica in sync would go.
        let moving = partition([c, b, a], adding: [c], removing: [a], leader: c, isr: [c])
        image = self.image(brokers: [a, b, c], [moving])
        #expect(throws: ChangeRefusal.self) {
            try change(.reassign(topic: "t", targets: [0: nil]), on: &image)
        }
    }

    @Test func whatOldToolsAskForIsDoneAndTakenAway() throws {
        var image = image(brokers: [a, b, c], [partition([a, b], leader: a, isr: [a, b])])
        let unknown = TopicPartition(topic: "u", partition: 1)
        let node = ReassignmentNode(targets: [t0: [c], unknown: [a]])
        try image.take(.reassignment, NodeReading(data: node.text, version: 0, created: 1))
        try settle(&image)
        #expect(image.requestedReassignment != nil)
        let moving = try #require(image.partition(t0))
        #expect(moving.assignment.adding == [c])
        try change(
            .setInSync(t0, topicID: topicID, isr: [a, b, c], leaderEpoch: 4, stateVersion: moving.stateVersion),
            on: &image)
        try settle(&image)
        #expect(image.partition(t0)?.assignment == ReplicaAssignment(replicas: [c]))
        #expect(image.partition(t0)?.leader == c)
        #expect(image.requestedReassignment == nil)

        let election = #"{"version":1,"partitions":[{"topic":"t","partition":1},{"topic":"t","partition":0}]}"#
        image = self.image(brokers: [a, b], [partition([b, a], leader: a, isr: [a, b])])
        try image.take(.preferredElection, NodeReading(data: Array(election.utf8), version: 0, created: 1))
        try settle(&image)
        #expect(image.partition(t0)?.leader == b)
        #expect(image.requestedElection == nil)
    }

    @Test func whatIsAskedLaterCountsMoreThanWhatAnOldToolAskedFor() throws {
        var image = image(brokers: [a, b, c], [partition([a, b], leader: a, isr: [a, b])])
        let node = ReassignmentNode(targets: [t0: [c]])
        try image.take(.reassignment, NodeReading(data: node.text, version: 0, created: 1))
        try settle(&image)
        try change(.reassign(topic: "t", targets: [0: nil]), on: &image)
        try settle(&image)
        #expect(image.partition(t0)?.assignment == ReplicaAssignment(replicas: [a, b]))
        #expect(image.requestedReassignment == nil)
    }

    @Test func aBrokerThatLeavesIsRelieved() throws {
        var image = image(
            brokers: [a, b, c], leaving: [a],
            [
                partition([a, b, c], leader: a, isr: [c, a, b]), partition([b, a], leader: b, isr: [b, a]),
                partition([a, c], leader: a, isr: [a]), partition([a, b], leader: a, isr: [a, b]),
            ])
        let before = image.topics["t"]?.partitions[1]
        #expect(!image.isRelieved(a))
        try settle(&image)
        var states = image.topics["t"]?.partitions.map(\.state)
        #expect(states?[0] == PartitionState(leader: b, leaderEpoch: 5, isr: [c, b], controllerEpoch: 3))
        // Nobody else has all of it.
        #expect(states?[2]?.leader == a)
        // The last one that stays takes the other out itself, when its log is synced.
        #expect(states?[1] == before?.state)
        #expect(states?[3] == PartitionState(leader: b, leaderEpoch: 5, isr: [a, b], controllerEpoch: 3))
        #expect(!image.isRelieved(a))
        for index in [1, 3] {
            let partition = try #require(image.topics["t"]?.partitions[index])
            try change(
                .setInSync(
                    TopicPartition(topic: "t", partition: Int32(index)), topicID: topicID, isr: [b],
                    leaderEpoch: partition.leaderEpoch, stateVersion: partition.stateVersion), on: &image)
        }
        try settle(&image)
        states = image.topics["t"]?.partitions.map(\.state)
        #expect(states?[1]?.isr == [b] && states?[3]?.isr == [b])
        #expect(image.isRelieved(a))
        #expect(!image.isRelieved(b))
    }

    @Test func leadersGoBackWhereTooManyAreElsewhere() throws {
        let (home, away) = (partition([a, b], leader: a, isr: [a, b]), partition([a, b], leader: b, isr: [b, a]))
        let behind = partition([a, b], leader: b, isr: [b])
        var image = image(brokers: [a, b], [home, away, home, behind])
        #expect(controller.rebalancing(image, above: 50).isEmpty)
        for case .write(let writes) in controller.rebalancing(image, above: 49) { try make(writes, on: &image) }
        #expect(image.topics["t"]?.partitions.map(\.leader) == [a, a, a, b])
    }

    @Test func electionsAreRefusedWithTheReason() {
        func refusal(_ partition: PartitionImage, brokers: [BrokerID], isUnclean: Bool) -> ChangeRefusal.Reason? {
            let image = image(brokers: brokers, [partition])
            do throws(ChangeRefusal) {
                _ = try partition.election(
                    of: TopicPartition(topic: "t", partition: 0), isUnclean: isUnclean, in: image)
                return nil
            } catch {
                return error.reason
            }
        }
        let led = partition([a, b], leader: a, isr: [a])
        #expect(refusal(led, brokers: [a, b], isUnclean: false) == .electionNotNeeded)
        #expect(refusal(led, brokers: [a, b], isUnclean: true) == .electionNotNeeded)
        let other = partition([a, b], leader: b, isr: [b])
        #expect(refusal(other, brokers: [a, b], isUnclean: false) == .preferredLeaderNotAvailable)
        let none = partition([a, b], leader: nil, isr: [a])
        #expect(refusal(none, brokers: [b], isUnclean: true) == nil)
        #expect(refusal(none, brokers: [c], isUnclean: true) == .eligibleLeadersNotAvailable)
    }

    @Test func onlyWhatIsNewIsDecided() throws {
        var image = image(brokers: [a, b], [partition([a, b], leader: a, isr: [a, b])])
        let before = image
        image.setTopic("u", TopicImage(id: KafkaUUID(high: 1, low: 2), partitions: [PartitionImage(replicas: [b])]))
        #expect(controller.steps(for: image, since: before).count == 1)
        #expect(controller.steps(for: image, since: image).isEmpty)
        var later = image
        later.brokers[a] = nil
        #expect(controller.steps(for: later, since: image).count == 2)
    }
}
