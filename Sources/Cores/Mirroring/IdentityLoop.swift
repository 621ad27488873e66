/// Finds a circle of clusters around which a topic with unchanged name would be copied.
package enum IdentityLoop {
    /// From one cluster to another.
    package struct Edge: Sendable, Equatable {
        package var source: String
        package var target: String

        package init(source: String, target: String) {
            self.source = source
            self.target = target
        }

        fileprivate var reversed: Edge { Edge(source: target, target: source) }
    }

    /// The first circle found, its first cluster again at its end; nil when there is none.
    /// - Parameter allowsPairs: whether two clusters may copy from each other, as with exact mirroring, where every topic
    ///   has one home.
    package static func find(in edges: [Edge], allowsPairs: Bool = false) -> [String]? {
        for edge in edges {
            let others = allowsPairs ? edges.filter { $0 != edge.reversed } : edges
            if let way = way(from: edge.target, to: edge.source, over: others, without: [edge.target]) {
                return [edge.source] + way
            }
        }
        return nil
    }

    private static func way(from: String, to: String, over edges: [Edge], without seen: Set<String>) -> [String]? {
        if from == to { return [from] }
        for edge in edges where edge.source == from && !seen.contains(edge.target) {
            if let rest = way(from: edge.target, to: to, over: edges, without: seen.union([edge.target])) {
                return [from] + rest
            }
        }
        return nil
    }
}
