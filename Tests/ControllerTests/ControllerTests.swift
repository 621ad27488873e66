import ClusterModel
import Controller
import Testing

@Suite struct ControllerTests {
    private let controller = ClusterController(epoch: 3, epochNodeVersion: 5, uncleanElectionByDefault: false)
    private let a = BrokerID(1)
    private let b = BrokerID(2)
    private let c = BrokerID(3)

    private func image(brokers: [BrokerID], _ partitions: [PartitionImage]) -> ClusterImage {
        var image = ClusterImage(clusterID: "x")
        for id in brokers { image.brokers[id] = BrokerRegistration(endpoints: []) }
        image.setTopic("t", TopicImage(id: KafkaUUID(high: 1, low: 1), partitions: partitions))
        return image
    }

    private func partition(_ replicas: [BrokerID], leader: BrokerID?, isr: [BrokerID], epoch: Int32 = 4)
        -> PartitionImage
    {
        var partition = PartitionImage(replicas: replicas)
        let state = PartitionState(leader: leader, leaderEpoch: epoch, isr: isr, controllerEpoch: 1)
        partition.setState(state, version: 8)
        return partition
    }

    /// The one state that the controller writes.
    private func written(_ image: ClusterImage) throws -> PartitionState? {
        let steps = controller.steps(for: image)
        guard let step = steps.first else { return nil }
        #expect(steps.count == 1)
        guard case .write(let writes) = step, writes.count == 1, case .set(_, let data, let version) = writes[0]
        else { throw Unexpected(step: step) }
        #expect(controller.fence == .check(path: "/controller_epoch", version: 5))
        #expect(version == 8)
        return try PartitionState(parsing: data)
    }

    private struct Unexpected: Error { var step: ControllerStep }

    @Test func leavesWhatIsWellAlone() throws {
        #expect(try written(image(brokers: [a, b], [partition([a, b], leader: a, isr: [a, b])])) == nil)
    }

    @Test func aFollowerInSyncTakesOver() throws {
        let state = try written(image(brokers: [b, c], [partition([a, c, b], leader: a, isr: [a, b, c])]))
        #expect(state == PartitionState(leader: c, leaderEpoch: 5, isr: [b, c], controllerEpoch: 3))
    }

    @Test func aDeadFollowerLeavesTheSet() throws {
        let state = try written(image(brokers: [a, c], [partition([a, b, c], leader: a, isr: [a, b, c])]))
        #expect(state == PartitionState(leader: a, leaderEpoch: 5, isr: [a, c], controllerEpoch: 3))
    }

    @Test func nobodyLeadsWhenAllInSyncAreDead() throws {
        let state = try written(image(brokers: [b], [partition([a, b], leader: a, isr: [a])]))
        #expect(state == PartitionState(leader: nil, leaderEpoch: 5, isr: [a], controllerEpoch: 3))
        let again = image(brokers: [b], [partition([a, b], leader: nil, isr: [a])])
        #expect(try written(again) == nil)
    }

    @Test func whoReturnsInSyncLeadsAgain() throws {
        let state = try written(image(brokers: [a, b], [partition([a, b], leader: nil, isr: [a], epoch: 5)]))
        #expect(state == PartitionState(leader: a, leaderEpoch: 6, isr: [a], controllerEpoch: 3))
    }

    @Test func anUncleanLeaderOnlyWhereTheTopicAllows() throws {
        var image = image(brokers: [b], [partition([a, b], leader: a, isr: [a])])
        image.updateTopic("t") { $0.configs["unclean.leader.election.enable"] = "true" }
        #expect(
            try written(image) == PartitionState(leader: b, leaderEpoch: 5, isr: [b], controllerEpoch: 3))
    }

    @Test func theFolderComesWithWhicheverPartitionIsFirst() throws {
        let (dead, new) = (PartitionImage(replicas: [c]), PartitionImage(replicas: [a]))
        func paths(_ image: ClusterImage) -> [String] {
            controller.steps(for: image).flatMap { step -> [String] in
                guard case .write(let writes) = step else { return [] }
                return writes.compactMap { if case .create(let path, _, _) = $0 { path } else { nil } }
            }
        }
        let folder = "/brokers/topics/t/partitions"
        #expect(paths(image(brokers: [a], [dead, new])) == [folder, "\(folder)/1", "\(folder)/1/state"])
        let later = image(brokers: [a, c], [dead, partition([a], leader: a, isr: [a])])
        #expect(paths(later) == ["\(folder)/0", "\(folder)/0/state"])
    }

    @Test func newPartitionsGetNodesAndLeaders() throws {
        let new = PartitionImage(replicas: [c, a])
        let steps = controller.steps(for: image(brokers: [a, b], [new, PartitionImage(replicas: [c])]))
        let state = PartitionState(leader: a, leaderEpoch: 0, isr: [a], controllerEpoch: 3)
        let creation: [TreeWrite] = [
            .create(path: "/brokers/topics/t/partitions", data: []),
            .create(path: "/brokers/topics/t/partitions/0", data: []),
            .create(path: "/brokers/topics/t/partitions/0/state", data: state.text),
        ]
        #expect(steps == [.write(creation)])
    }

    @Test func deletedTopicsGetNothingElse() {
        var image = image(brokers: [a], [PartitionImage(replicas: [a])])
        image.topicsBeingDeleted = ["t", "gone"]
        #expect(controller.steps(for: image) == [.removeTopic("gone"), .removeTopic("t")])
    }

    @Test func electionTakesTheNodeAndRaisesTheEpochAtOnce() {
        let election = ClusterController.election(of: a, after: 6, epochNodeVersion: 7, at: 11)
        #expect(
            election.writes == [
                .create(
                    path: "/controller", data: ControllerNode(broker: a, unixMilliseconds: 11).text, .ephemeral),
                .set(path: "/controller_epoch", data: Array("7".utf8), version: 7),
            ])
    }

    @Test func changesKeepConditions() throws {
        let image = image(brokers: [a], [partition([a], leader: a, isr: [a])])
        let more = TreeChange.createPartitions(name: "t", existing: 1, assignment: [[b]])
        let node = TopicNode(id: KafkaUUID(high: 1, low: 1), assignment: [[a], [b]])
        #expect(
            try more.transactions(on: image, configNode: nil)
                == [TreeTransaction([.set(path: "/brokers/topics/t", data: node.text, version: 0)])])
        let stale = TreeChange.createPartitions(name: "t", existing: 2, assignment: [[b]])
        #expect(throws: ChangeRefusal(.invalidPartitions, "The topic has 1 partition(s) now.")) {
            try stale.transactions(on: image, configNode: nil)
        }
        #expect(throws: ChangeRefusal(.unknownTopicOrPartition)) {
            try TreeChange.deleteTopic(name: "u").transactions(on: image, configNode: nil)
        }
    }
}

@Suite struct SettingsChangeTests {
    private let image = ClusterImage()

    private func write(
        _ configs: [String: String], replacing: [String: String]?, over node: NodeReading?
    ) throws -> TreeWrite? {
        let change = TreeChange.setConfigs(entity: "brokers/1", configs: configs, replacing: replacing)
        return try change.transactions(on: image, configNode: node).first?.writes.first
    }

    @Test func settingsReplaceOnlyWhatTheirAuthorKnew() throws {
        let node = NodeReading(data: ConfigNode.text(["a": "1"]), version: 7, created: 1)
        let (path, text) = ("/config/brokers/1", ConfigNode.text(["a": "2"]))
        #expect(
            try write(["a": "2"], replacing: ["a": "1"], over: node) == .set(path: path, data: text, version: 7))
        #expect(try write(["a": "2"], replacing: nil, over: node) == .set(path: path, data: text, version: -1))
        #expect(try write(["a": "2"], replacing: [:], over: nil) == .create(path: path, data: text))
        #expect(throws: ChangeRefusal(.invalidUpdateVersion)) {
            try write(["a": "2"], replacing: [:], over: node)
        }
        #expect(throws: ChangeRefusal(.invalidUpdateVersion)) {
            try write(["a": "2"], replacing: ["a": "1"], over: nil)
        }
    }

    @Test func aNodeThatMakesNoSenseHoldsNothing() throws {
        let broken = NodeReading(data: Array("{".utf8), version: 7, created: 1)
        let text = ConfigNode.text(["a": "2"])
        #expect(
            try write(["a": "2"], replacing: [:], over: broken)
                == .set(path: "/config/brokers/1", data: text, version: 7))
    }
}

@Suite struct ProducerIDBlockTests {
    @Test func countsWithinTheRangeOfTheCluster() throws {
        let start = ProducerIDBlock.rangeStart(ofCluster: "5F1dGrkjS3KA2L1IWkszJg")
        let other = ProducerIDBlock.rangeStart(ofCluster: "5F1dGrkjS3KA2L1IWkszJh")
        #expect(abs(start - other) >= 1 << 40)
        #expect(start >= 1 << 40)
        let broker = BrokerID(1)
        let first = try #require(ProducerIDBlock.next(after: nil, for: broker, ofCluster: "5F1dGrkjS3KA2L1IWkszJg"))
        #expect(first == ProducerIDBlock(broker: broker, first: start, last: start + 999))
        let second = ProducerIDBlock.next(after: first, for: broker, ofCluster: "5F1dGrkjS3KA2L1IWkszJg")
        #expect(second?.first == start + 1000)
        #expect(try ProducerIDBlock(parsing: first.text) == first)
    }

    @Test func leavesIdsThatApacheGaveOut() throws {
        let apache = ProducerIDBlock(broker: BrokerID(1), first: 2000, last: 2999)
        let next = ProducerIDBlock.next(after: apache, for: BrokerID(1), ofCluster: "x")
        #expect(next?.first == ProducerIDBlock.rangeStart(ofCluster: "x"))
    }

    @Test func endsWithItsRange() {
        let end = ProducerIDBlock.rangeStart(ofCluster: "x") + (1 << 40)
        let last = ProducerIDBlock(broker: BrokerID(1), first: end - 1000, last: end - 1)
        #expect(ProducerIDBlock.next(after: last, for: BrokerID(1), ofCluster: "x") == nil)
    }
}
