import NIOCore
import ZooKeeperProtocol

@testable import ZNodes

/// The tree as a dumb twin: one dictionary, everything looked up by going through all of it.
struct PlainTree {
    struct Node: Equatable {
        var data: String
        var version: Int32 = 0
        var createdChildCount: Int32 = 0
        var removedChildCount: Int32 = 0
        var owner: Int64 = 0
    }

    /// By the elements of their paths.
    var nodes: [[String]: Node] = [[]: Node(data: "")]

    func children(of path: [String]) -> [String] {
        nodes.keys.filter { $0.count == path.count + 1 && $0.starts(with: path) }.compactMap(\.last).sorted()
    }

    mutating func create(
        _ path: [String], data: String, isSequential: Bool, owner: Int64
    ) -> Result<[String], ZooKeeperError> {
        let parent = Array(path.dropLast())
        guard let above = nodes[parent] else { return .failure(.noNode) }
        var path = path
        if isSequential {
            let digits = String(above.createdChildCount)
            path[path.count - 1] += String(repeating: "0", count: 10 - digits.count) + digits
        }
        if nodes[path] != nil { return .failure(.nodeExists) }
        if above.owner != 0 { return .failure(.noChildrenForEphemerals) }
        nodes[path] = Node(data: data, owner: owner)
        nodes[parent]?.createdChildCount += 1
        return .success(path)
    }

    mutating func delete(_ path: [String], version: Int32) -> ZooKeeperError {
        guard let node = nodes[path] else { return .noNode }
        if version != -1 && version != node.version { return .badVersion }
        if !children(of: path).isEmpty { return .notEmpty }
        remove(path)
        return .ok
    }

    mutating func set(_ path: [String], data: String, version: Int32) -> ZooKeeperError {
        guard let node = nodes[path] else { return .noNode }
        if version != -1 && version != node.version { return .badVersion }
        nodes[path]?.data = data
        nodes[path]?.version += 1
        return .ok
    }

    mutating func close(_ session: Int64) {
        for path in nodes.keys.filter({ nodes[$0]?.owner == session }) { remove(path) }
    }

    private mutating func remove(_ path: [String]) {
        nodes[path] = nil
        nodes[Array(path.dropLast())]?.removedChildCount += 1
    }
}
