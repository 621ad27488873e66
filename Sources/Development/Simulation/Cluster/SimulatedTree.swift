import ClusterModel
import Controller

/// A coordination tree that never loses anything: nodes with versions, transactions with conditions, and the image
/// that one who reads all of it has.
struct SimulatedTree {
    private var nodes: [String: NodeReading] = [:]
    private(set) var image: ClusterImage
    private(set) var zxid: Int64 = 1

    init(clusterID: String) {
        image = ClusterImage(clusterID: clusterID)
        nodes[TreePath.controllerEpoch] = NodeReading(data: ControllerEpochNode.text(0), version: 0, created: 1)
    }

    func node(_ path: String) -> NodeReading? { nodes[path] }

    /// A node with all below it, children first; empty when it is not there.
    func subtree(_ path: String) -> [String] {
        nodes.keys.filter { $0 == path || $0.hasPrefix(path + "/") }.sorted { $0 > $1 }
    }

    /// Makes all writes, or none when one of their conditions does not hold. Returns whether it did.
    mutating func perform(_ transaction: TreeTransaction) -> Bool {
        var after = nodes
        var changed: [String] = []
        for write in transaction.writes {
            switch write {
            case .create(let path, let data, let kind):
                let path = kind == .persistentSequential ? "\(path)\(zxid)" : path
                guard after[path] == nil else { return false }
                after[path] = NodeReading(data: data, version: 0, created: zxid + 1)
                changed.append(path)
            case .set(let path, let data, let version):
                guard let node = after[path], version == -1 || node.version == version else { return false }
                after[path] = NodeReading(data: data, version: node.version + 1, created: node.created)
                changed.append(path)
            case .delete(let path, let version):
                guard let node = after[path], version == -1 || node.version == version else { return false }
                after[path] = nil
                changed.append(path)
            case .check(let path, let version):
                guard let node = after[path], version == -1 || node.version == version else { return false }
            }
        }
        zxid += 1
        nodes = after
        for path in changed { show(path) }
        return true
    }

    /// Takes into the image what a node holds now.
    private mutating func show(_ path: String) {
        guard let node = TreeNode(path: path) else { return }
        do {
            try image.take(node, nodes[path])
            // Whoever reads a topic reads these next.
            guard case .topic(let name) = node, nodes[path] != nil else { return }
            for node in image.nodesToRead(afterTopic: name) { try image.take(node, nodes[node.path]) }
        } catch {
            preconditionFailure("\(path) was written and cannot be read: \(error)")
        }
    }
}
