/// What there is to say of the tree, for those who watch over it.
extension ZNodes {
    /// Apache ZooKeeper counts the root twice.
    package var nodeCount: Int { hard.nodes.count + 1 }
    /// Bytes of all paths and data.
    package var dataSizeInBytes: Int { hard.dataSize }
    package var ephemeralCount: Int { hard.ephemeralCount }
    package var sessionCount: Int { hard.sessions.count }
    /// Ascending.
    package var sessions: [Int64] { hard.sessions.keys.sorted() }

    /// Sorted.
    package func ephemerals(ofSession session: Int64) -> [String] {
        hard.ephemeralPaths(of: session)
    }

    package var watchCount: Int { watches.total }

    /// Watches that fire once on data, by path; all sorted.
    package var dataWatches: [(path: String, watchers: [Watcher])] {
        watches.dataWatches.sorted { $0.key < $1.key }.map { ($0.key.string, $0.value.sorted()) }
    }
}
