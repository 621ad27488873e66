import Quorum
import Seams
import ZNodes

/// What there is to say of a coordinator, for those who watch over it.
extension CoordinatorKernel {
    package var role: CoordinatorRole {
        guard let ensemble else { return .standalone }
        let status = ensemble.quorum.status
        guard ensemble.isServing else { return serving == .readOnly ? .readOnly : .looking }
        guard status.role == .leading else {
            return status.membership.isVoter(ensemble.quorum.id) ? .follower : .observer
        }
        var leadership = LeadershipStatus()
        leadership.learnerCount = status.synced.count + status.lagging.count
        for member in status.synced {
            switch status.membership[member]?.isVoter {
            case true?: leadership.syncedFollowerCount += 1
            case false?: leadership.syncedObserverCount += 1
            case nil: leadership.syncedNonVotingFollowerCount += 1
            }
        }
        leadership.pendingSyncCount = ensemble.confirmations.syncCount + gate.unconfirmedCount
        return .leader(leadership)
    }

    /// What the tree's digest was at some changes, the oldest first; empty where none is kept.
    package var digests: [ZxidDigest] { tree.digests }

    /// nil without an ensemble.
    package var ensembleStatus: EnsembleStatus? {
        ensemble.map { ensemble in
            EnsembleStatus(
                id: ensemble.quorum.id, quorum: ensemble.quorum.status, isServing: ensemble.isServing,
                statistics: ensemble.statistics)
        }
    }

    package func status() -> CoordinatorStatus {
        CoordinatorStatus(
            role: role, ensemble: ensembleStatus, hasRoom: hasRoom, lastZxid: lastZxid, nodeCount: tree.nodeCount,
            dataSizeInBytes: tree.dataSizeInBytes,
            ephemeralCount: tree.ephemeralCount, sessionCount: tree.sessionCount, watchCount: tree.watchCount,
            outstanding: waitingReplyCount, connectionCount: clients.count, server: server)
    }

    package func watchCounts() -> WatchCounts {
        let watches = tree.dataWatches
        let watchers = watches.reduce(into: Set<Watcher>()) { $0.formUnion($1.watchers) }
        return WatchCounts(
            connections: watchers.count, paths: watches.count, total: watches.reduce(0) { $0 + $1.watchers.count })
    }

    /// In the order in which they came.
    package func connectionStatuses() -> [(id: ConnectionID, status: ConnectionStatus)] {
        statistics.sorted { $0.key < $1.key }.compactMap { id, statistics in
            guard let client = clients[id] else { return nil }
            let status = ConnectionStatus(
                address: client.address, session: client.session,
                timeoutInMilliseconds: client.timeoutInMilliseconds, statistics: statistics)
            return (id, status)
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

    package mutating func resetServerStatistics(at now: Instant) {
        server = ServerStatistics()
        ensemble?.statistics.reset(at: now)
    }

    package mutating func resetConnectionStatistics() {
        statistics = statistics.mapValues { worn in
            var fresh = ConnectionStatistics(established: worn.established)
            fresh.queued = worn.queued
            return fresh
        }
    }
}
