import Seams
import ZNodes

/// What there is to say of a coordinator, for those who watch over it.
extension CoordinatorKernel {
    package var connectionCount: Int { clients.count }

    package func status() -> CoordinatorStatus {
        let watches = tree.dataWatches
        let watchers = watches.reduce(into: Set<Watcher>()) { $0.formUnion($1.watchers) }
        return CoordinatorStatus(
            lastZxid: lastZxid, nodeCount: tree.nodeCount, dataSizeInBytes: tree.dataSizeInBytes,
            ephemeralCount: tree.ephemeralCount, sessionCount: tree.sessions.count,
            watches: CoordinatorStatus.WatchCounts(
                connections: watchers.count, paths: watches.count,
                total: watches.reduce(0) { $0 + $1.watchers.count }),
            watchCount: tree.watchCount, outstanding: waitingReplyCount, server: server)
    }

    /// In the order in which they came.
    package func connectionStatuses() -> [ConnectionStatus] {
        clients.sorted { $0.key < $1.key }.map { _, client in
            ConnectionStatus(
                address: client.address, session: client.session,
                timeoutInMilliseconds: client.timeoutInMilliseconds, statistics: client.statistics)
        }
    }

    /// By id.
    package func sessionStatuses(at now: Instant) -> [SessionStatus] {
        tree.sessions.map { session in
            let left = (tree.deadline(ofSession: session) ?? now.nanoseconds) - now.nanoseconds
            return SessionStatus(
                id: session, deadline: now + .nanoseconds(left), ephemerals: tree.ephemerals(ofSession: session))
        }
    }

    package func watchedPathsBySession() -> [(session: Int64, paths: [String])] {
        var paths: [Int64: [String]] = [:]
        for (path, watchers) in tree.dataWatches {
            for session in watchers.compactMap(session) { paths[session, default: []].append(path) }
        }
        return paths.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    package func watchingSessionsByPath() -> [(path: String, sessions: [Int64])] {
        tree.dataWatches.map { ($0.path, $0.watchers.compactMap(session).sorted()) }
    }

    private func session(of watcher: Watcher) -> Int64? { clients[ConnectionID(watcher.number)]?.session }

    package mutating func resetServerStatistics() { server = ServerStatistics() }

    package mutating func resetConnectionStatistics() {
        for (id, client) in clients {
            var fresh = ConnectionStatistics(established: client.statistics.established)
            fresh.queued = client.statistics.queued
            clients[id]?.statistics = fresh
        }
    }
}
