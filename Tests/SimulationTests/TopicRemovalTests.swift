import ClusterModel
import Controller
import Testing

@testable import Simulation

/// The removal of a topic on a tree where its home moves meanwhile.
@Suite(.threadsOfTheirOwn) struct TopicRemovalTests {
    private let id = KafkaUUID(high: 5, low: 5)
    private let first = TopicPartition(topic: "t", partition: 0)
    private let second = TopicPartition(topic: "t", partition: 1)

    private func state(_ epoch: LeaderEpoch) -> [UInt8] {
        PartitionState(leader: BrokerID(1), leaderEpoch: epoch, isr: [BrokerID(1)], controllerEpoch: 1).text
    }

    /// A mirror topic that somebody wants deleted.
    private func tree(isAskedFor: Bool = true) -> SimulatedTree {
        var tree = SimulatedTree(clusterID: "here")
        let standing = MirrorStanding(state: .promoting, link: "a->b", sourceClusterID: "a-id", homeEpoch: 1)
        let node = TopicNode(id: id, assignment: [[BrokerID(1)], [BrokerID(1)]])
        var writes: [TreeWrite] = [
            .create(path: TreePath.topic("t"), data: node.text),
            .create(path: TreePath.config(ofTopic: "t"), data: ConfigNode.text(standing.settings(in: [:]))),
            .create(path: TreePath.partitions(of: "t"), data: []),
        ]
        for (partition, epoch) in [(first, 7), (second, 4)] as [(TopicPartition, LeaderEpoch)] {
            writes.append(.create(path: TreePath.partition(partition), data: []))
            writes.append(.create(path: TreePath.state(of: partition), data: state(epoch)))
        }
        if isAskedFor { writes.append(.create(path: TreePath.deletion(ofTopic: "t"), data: [])) }
        perform(writes, in: &tree)
        return tree
    }

    private func perform(_ writes: [TreeWrite], in tree: inout SimulatedTree) {
        let isDone = tree.perform(TreeTransaction(writes))
        #expect(isDone)
    }

    private func removal(_ tree: SimulatedTree) -> TopicRemoval {
        let nodes = tree.subtree(TreePath.topic("t")) + [TreePath.config(ofTopic: "t")]
        return TopicRemoval(
            of: "t", id: id, nodes: nodes, readings: TopicRemoval.states(among: nodes).map { tree.node($0.path) })
    }

    /// Writes down what the removal wants written down.
    private func note(_ removal: TopicRemoval, in tree: inout SimulatedTree) {
        if let note = removal.note(over: tree.node(TreePath.deletedTopic(id))) {
            perform([note], in: &tree)
        }
    }

    /// Returns how many of the parts were done, of those that were tried: the first that fails ends it.
    private func delete(_ removal: TopicRemoval, inPartsOf size: Int, in tree: inout SimulatedTree) -> Int {
        var count = 0
        for part in removal.deletions(inPartsOf: size) {
            guard tree.perform(TreeTransaction(part)) else { break }
            count += 1
        }
        return count
    }

    @Test("All goes, in parts of any size, and its last leader epoch is written down", arguments: 1...9)
    func all(size: Int) {
        var tree = tree()
        let removal = removal(tree)
        note(removal, in: &tree)
        let count = delete(removal, inPartsOf: size, in: &tree)
        #expect(count == removal.deletions(inPartsOf: size).count)
        #expect(tree.image.topics["t"] == nil && tree.image.topicsBeingDeleted.isEmpty)
        #expect(tree.image.deletedTopics == [id: 7])
        #expect(tree.node(TreePath.config(ofTopic: "t")) == nil && tree.subtree(TreePath.topic("t")).isEmpty)
    }

    @Test("A home that moves when the epoch is written down has its later epoch written down too", arguments: 1...9)
    func moves(size: Int) throws {
        var tree = tree()
        let early = removal(tree)
        // Of a broker that has not seen yet that the topic is to go.
        let stale = self.tree(isAskedFor: false).image
        let promotion = MirrorAlteration(
            topic: "t", topicID: id, action: .promote(cuts: [:]), link: "a->b", sourceClusterID: "a-id", homeEpoch: 1)
        note(early, in: &tree)
        perform(try promotion.writes(on: stale, configNodeExists: true), in: &tree)
        #expect(tree.image.partition(first)?.leaderEpoch == 8)
        let earlyCount = delete(early, inPartsOf: size, in: &tree)
        #expect(earlyCount < early.deletions(inPartsOf: size).count)
        #expect(tree.image.partition(first)?.leaderEpoch == 8, "its state stays")
        #expect(tree.image.topicsBeingDeleted == ["t"])

        // As it begins again.
        let late = removal(tree)
        note(late, in: &tree)
        #expect(tree.image.deletedTopics == [id: 8])
        let lateCount = delete(late, inPartsOf: size, in: &tree)
        #expect(lateCount == late.deletions(inPartsOf: size).count)
        #expect(tree.image.topics["t"] == nil && tree.image.deletedTopics == [id: 8])
    }

    @Test("A removal that comes late takes nothing of a topic that was made anew by that name", arguments: 1...9)
    func late(size: Int) {
        var tree = tree(isAskedFor: false)
        let count = delete(removal(tree), inPartsOf: size, in: &tree)
        #expect(count == 0)
        #expect(tree.image.partition(second)?.leaderEpoch == 4)
        #expect(tree.node(TreePath.config(ofTopic: "t")) != nil)
    }

    @Test("What is left of a removal does not take back what was written down, and broken states go too")
    func resumed() {
        var tree = tree()
        let removal = removal(tree)
        note(removal, in: &tree)
        let path = TreePath.state(of: first)
        perform([.delete(path: path, version: -1)], in: &tree)
        let rest = self.removal(tree)
        note(rest, in: &tree)
        #expect(tree.image.deletedTopics == [id: 7])

        let broken = TopicRemoval(
            of: "t", id: id, nodes: [path], readings: [NodeReading(data: Array("{".utf8), version: 3, created: 1)])
        #expect(broken.note(over: nil) == .create(path: TreePath.deletedTopic(id), data: DeletedTopicNode.text(0)))
        #expect(broken.deletions(inPartsOf: 9).first?.first == .delete(path: path, version: 3))
        #expect(TopicRemoval(of: "t", id: .zero, nodes: [path], readings: [nil]).note(over: nil) == nil)
    }
}
