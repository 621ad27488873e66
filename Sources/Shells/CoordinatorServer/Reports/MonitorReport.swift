import CoordinatorKernel
import Seams
import Telemetry

/// All figures of a coordinator at one moment: what `mntr`, the AdminServer's `monitor` and Prometheus show, by Apache
/// ZooKeeper's names where it has the same. Nothing stands here that is not counted.
struct MonitorReport: Sendable {
    var status: CoordinatorStatus
    var disk: DiskStatistics
    var stateCommands: StateCommandCounts
    var restore: RestoreStatistics
    /// How often clients were made to wait because too many requests were outstanding.
    var throttleCount: Int64
    var uptime: Duration
    /// When it was made.
    var now: Instant

    /// Facts that are no numbers.
    var texts: [(name: String, value: String)] {
        var texts = [("version", Surroundings.version), ("server_state", status.role.name)]
        if let ensemble = status.ensemble { texts.append(("peer_state", ensemble.state)) }
        return texts
    }

    var metrics: [Metric] {
        var metrics = server + tree + requests + watchEvents + storage
        if let ensemble = status.ensemble { metrics += Self.metrics(of: ensemble) }
        if case .leader(let leadership) = status.role, let statistics = status.ensemble?.statistics {
            metrics += Self.metrics(of: leadership, statistics, at: now)
        }
        return metrics
    }

    private var server: [Metric] {
        let latency = status.server.latency
        let sizes = status.server.replySizes
        return [
            .gauge("avg_latency", latency.average, "Average time from a request to its answer, in ms."),
            .gauge("min_latency", latency.least, "Shortest time from a request to its answer, in ms."),
            .gauge("max_latency", latency.most, "Longest time from a request to its answer, in ms."),
            .counter("packets_received", status.server.received, "Requests received."),
            .counter("packets_sent", status.server.sent, "Replies and events sent."),
            .gauge("num_alive_connections", status.connectionCount, "Open connections of clients."),
            .gauge("outstanding_requests", status.outstanding, "Requests that wait for their answers."),
            .gauge("last_client_response_size", sizes.last, "Bytes of the last reply; -1 before the first."),
            .gauge("min_client_response_size", sizes.least, "Bytes of the smallest reply."),
            .gauge("max_client_response_size", sizes.most, "Bytes of the largest reply."),
            .counter("auth_failed_count", status.server.failedAuthentications, "Credentials that proved nothing."),
            .gauge("uptime", uptime.milliseconds, "Time since the start, in ms."),
            .gauge("open_file_descriptor_count", ProcessFigures.openFileCount, "Open files and sockets."),
            .gauge("max_file_descriptor_count", ProcessFigures.openFileLimit, "Files and sockets that may be open."),
        ]
    }

    private var tree: [Metric] {
        [
            .gauge("znode_count", status.nodeCount, "Nodes of the tree."),
            .gauge("watch_count", status.watchCount, "Watches of all kinds."),
            .gauge("ephemerals_count", status.ephemeralCount, "Nodes that go with their sessions."),
            .gauge("approximate_data_size", status.dataSizeInBytes, "Bytes of all paths and data."),
            .gauge("global_sessions", status.sessionCount, "Sessions known to the whole ensemble."),
            .gauge("last_zxid", status.lastZxid, "Number of the last change applied."),
        ]
    }

    private var requests: [Metric] {
        let server = status.server
        return [
            .counter("bytes_received_count", server.receivedBytes, "Bytes of requests."),
            .counter("response_bytes", server.sentBytes, "Bytes of replies and events."),
            .counter("connection_request_count", server.connectRequests, "Sessions asked for, new or resumed."),
            .counter("connection_revalidate_count", server.resumedSessions, "Sessions resumed."),
            .counter("stale_sessions_expired", server.expiredSessions, "Sessions that expired."),
            .counter("request_throttle_wait_count", throttleCount, "Connections made to wait with more requests."),
            .time("readlatency", server.readLatencies, "Time from a read to its answer, in ms."),
            .time("updatelatency", server.updateLatencies, "Time from a change to its answer, in ms."),
        ]
    }

    private var watchEvents: [Metric] {
        let events = status.server.watchEvents
        return [
            .number("node_created_watch_count", events.created, "Watchers of a node created."),
            .number("node_deleted_watch_count", events.deleted, "Watchers of a node deleted."),
            .number("node_changed_watch_count", events.dataChanged, "Watchers of data changed."),
            .number("node_children_watch_count", events.childrenChanged, "Watchers of children changed."),
        ]
    }

    private var storage: [Metric] {
        [
            .time("fsynctime", disk.syncTimes, "Time to write and sync a batch of changes, in ms."),
            .counter("fsync_threshold_exceed_count", disk.slowSyncs, "Syncs that took over a second."),
            .number("sync_processor_batch_size", disk.batchSizes, "Changes made durable by one sync."),
            .gauge("disk_full", status.hasRoom ? 0 : 1, "1 while changes are refused because the disk is full."),
            .time("snapshottime", disk.snapshotTimes, "Time to write a snapshot, in ms."),
            .counter("snapshot_error_count", stateCommands.failedSnapshots, "Snapshots for operators that failed."),
            .counter(
                "snapshot_rate_limited_count", stateCommands.rateLimitedSnapshots,
                "Snapshots for operators that came too soon."),
            .counter("restore_error_count", stateCommands.failedRestores, "Backups that could not be restored."),
            .counter(
                "restore_rate_limited_count", stateCommands.rateLimitedRestores, "Restores that came too soon."),
            .time("restore_time", stateCommands.restoreTimes, "Time to restore an operator's backup, in ms."),
            .gauge("startup_txns_loaded", restore.replayedCount, "Changes replayed from the log at the start."),
            .gauge("dbinittime", restore.took.milliseconds, "Time to restore the tree at the start, in ms."),
        ]
    }

    private static func metrics(of ensemble: EnsembleStatus) -> [Metric] {
        let statistics = ensemble.statistics
        return [
            .gauge("quorum_size", ensemble.quorum.membership.voters.count, "Members with a vote."),
            .counter(
                "digest_mismatches_count", statistics.digestMismatches,
                "Times that another member's tree was different."),
            .counter("looking_count", statistics.lookingCount, "Times without a leader."),
            .time("election_time", statistics.electionTimes, "Time until a leader was found, in ms."),
            .time("unavailable_time", statistics.unavailableTimes, "Time without service for clients, in ms."),
            .counter("learner_proposal_received_count", statistics.receivedProposals, "Changes a leader proposed."),
            .counter("learner_commit_received_count", statistics.receivedCommits, "Changes a leader committed."),
        ]
    }

    private static func metrics(
        of leadership: LeadershipStatus, _ statistics: EnsembleStatistics, at now: Instant
    ) -> [Metric] {
        let sizes = statistics.proposalSizes
        return [
            .gauge("learners", leadership.learnerCount, "Followers and observers."),
            .gauge("synced_followers", leadership.syncedFollowerCount, "Voting followers that are up to date."),
            .gauge(
                "synced_non_voting_followers", leadership.syncedNonVotingFollowerCount,
                "Followers without a vote that are up to date."),
            .gauge("synced_observers", leadership.syncedObserverCount, "Observers that are up to date."),
            .gauge(
                "pending_syncs", leadership.pendingSyncCount,
                "sync requests that wait until a quorum has confirmed the leader."),
            .gauge(
                "leader_uptime", statistics.leadingSince.map { (now - $0).milliseconds } ?? 0,
                "Time since this leader was elected, in ms."),
            .gauge("last_proposal_size", sizes.last, "Bytes of the last proposal; -1 before the first."),
            .gauge("min_proposal_size", sizes.least, "Bytes of the smallest proposal."),
            .gauge("max_proposal_size", sizes.most, "Bytes of the largest proposal."),
            .counter("proposal_count", statistics.proposals, "Changes proposed to the members."),
            .time("proposal_latency", statistics.proposalLatencies, "Time from a proposal to its commit, in ms."),
            .counter("snap_count", statistics.sentSnapshots, "Whole states sent to members that lagged."),
        ]
    }
}

extension EnsembleStatus {
    /// How far the member is, by Apache ZooKeeper's names.
    var phase: String {
        if quorum.role == .looking { return "election" }
        return isServing ? "broadcast" : "synchronization"
    }

    /// As Apache ZooKeeper names what a member does and how far it is.
    var state: String {
        switch quorum.role {
        case .looking: "looking - \(phase)"
        case .leading: "leading - \(phase)"
        case .following: quorum.membership.isVoter(id) ? "following - \(phase)" : "observing - \(phase)"
        }
    }
}

extension CoordinatorLoop {
    func monitorReport(at now: Instant) -> MonitorReport {
        MonitorReport(
            status: kernel.status(), disk: disk, stateCommands: stateCommands, restore: restore,
            throttleCount: throttle.pauseCount,
            uptime: now - started, now: now)
    }
}

extension Metric {
    /// Of nanoseconds, shown in milliseconds.
    fileprivate static func time(_ name: String, _ distribution: Distribution, _ meaning: String) -> Metric {
        .summary(name, Summary(distribution, unit: 1_000_000), meaning)
    }

    fileprivate static func number(_ name: String, _ distribution: Distribution, _ meaning: String) -> Metric {
        .summary(name, Summary(distribution, unit: 1), meaning)
    }
}

extension Metric.Summary {
    fileprivate init(_ distribution: Distribution, unit: Double) {
        self.init(
            count: distribution.count, sum: Double(distribution.sum) / unit, least: Double(distribution.least) / unit,
            most: Double(distribution.most) / unit,
            quantiles: Self.parts.map { part in distribution.quantile(part).map { Double($0) / unit } })
    }
}
