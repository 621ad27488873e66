import ClusterModel

/// How the controller takes a topic out of the tree that somebody has asked to delete.
///
/// Before anything goes, the topic's id and last leader epoch are written down, for brokers that are not there to delete
/// their logs of it, and for a mirror topic that is made anew with the id. A partition's state goes only as it was when its
/// epoch was written down, and all of it only while it is asked for: what fails is begun again by reading again.
package struct TopicRemoval: Sendable, Equatable {
    private let name: String
    /// ``KafkaUUID/zero`` for a topic of which nothing is written down.
    private let id: KafkaUUID
    private let nodes: [String]
    private let states: [String: NodeReading]

    /// Of which of these nodes a removal has to know what they hold.
    package static func states(among nodes: [String]) -> [TreeNode] {
        nodes.compactMap { path in
            guard let node = TreeNode(path: path), case .partitionState = node else { return nil }
            return node
        }
    }

    /// - Parameters:
    ///   - nodes: the topic's node and all below it, children first, and its settings if there are any.
    ///   - readings: what the nodes of ``states(among:)`` hold.
    package init(of name: String, id: KafkaUUID, nodes: [String], readings: [NodeReading?]) {
        self.name = name
        self.id = id
        self.nodes = nodes
        var states: [String: NodeReading] = [:]
        for (node, reading) in zip(Self.states(among: nodes), readings) { states[node.path] = reading }
        self.states = states
    }

    /// Where it is written down; nil when nothing is.
    package var notePath: String? { id == .zero ? nil : TreePath.deletedTopic(id) }

    /// What to write down before the deletions.
    /// - Parameter present: what stands at ``notePath``.
    /// - Returns: nil when that says it.
    package func note(over present: NodeReading?) -> TreeWrite? {
        guard let notePath else { return nil }
        let last = max(states.values.compactMap(Self.leaderEpoch).max() ?? 0, 0)
        guard let present else { return .create(path: notePath, data: DeletedTopicNode.text(last)) }
        let note = TreeWrite.set(path: notePath, data: DeletedTopicNode.text(last), version: present.version)
        do throws(MalformedNode) {
            return try DeletedTopicNode.parse(present.data, of: id) >= last ? nil : note
        } catch {
            return note
        }
    }

    /// nil for a state that makes no sense: nobody has acted on it.
    private static func leaderEpoch(_ state: NodeReading) -> LeaderEpoch? {
        do throws(MalformedNode) { return try PartitionState(parsing: state.data).leaderEpoch } catch { return nil }
    }

    /// The deletions, each part only after the one before, in the order that lets it be taken up again at any point: what
    /// asks for it goes last.
    /// - Parameter size: how many nodes a part deletes.
    package func deletions(inPartsOf size: Int) -> [[TreeWrite]] {
        let request = TreePath.deletion(ofTopic: name)
        var writes = nodes.map { TreeWrite.delete(path: $0, version: states[$0]?.version ?? -1) }
        writes.append(.delete(path: request, version: -1))
        return stride(from: 0, to: writes.count, by: size).map { start in
            let end = min(start + size, writes.count)
            let isLast = end == writes.count
            return (isLast ? [] : [.check(path: request, version: -1)]) + writes[start..<end]
        }
    }
}
