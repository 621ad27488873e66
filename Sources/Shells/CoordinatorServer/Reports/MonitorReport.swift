import CoordinatorKernel
import Seams
import Telemetry

/// What `mntr` and the AdminServer's `monitor` show.
struct MonitorReport: Sendable {
    var status: CoordinatorStatus
    var uptime: Duration

    /// Facts that are no numbers.
    var texts: [(name: String, value: String)] {
        [("version", Surroundings.version), ("server_state", status.role.name)]
    }

    var metrics: [Metric] {
        let latency = status.server.latency
        var metrics: [Metric] = [
            .gauge("avg_latency", latency.average, "Average time from a request to its answer, in ms."),
            .gauge("min_latency", latency.least, "Shortest time from a request to its answer, in ms."),
            .gauge("max_latency", latency.most, "Longest time from a request to its answer, in ms."),
            .counter("packets_received", status.server.received, "Requests received."),
            .counter("packets_sent", status.server.sent, "Replies and events sent."),
            .gauge("num_alive_connections", status.connectionCount, "Open connections of clients."),
            .gauge("outstanding_requests", status.outstanding, "Requests that wait for their answers."),
            .gauge("znode_count", status.nodeCount, "Nodes of the tree."),
            .gauge("watch_count", status.watchCount, "Watches of all kinds."),
            .gauge("ephemerals_count", status.ephemeralCount, "Nodes that go with their sessions."),
            .gauge("approximate_data_size", status.dataSizeInBytes, "Bytes of all paths and data."),
            .gauge("global_sessions", status.sessionCount, "Sessions known to the whole ensemble."),
            .gauge("last_zxid", status.lastZxid, "Number of the last change applied."),
            .gauge("uptime", uptime.milliseconds, "Time since the start, in ms."),
            .gauge("open_file_descriptor_count", Surroundings.openFileCount(), "Open files and sockets."),
            .gauge("max_file_descriptor_count", Surroundings.openFileLimit(), "Files and sockets that may be open."),
        ]
        if case .leader(let leadership) = status.role { metrics += Self.metrics(of: leadership) }
        return metrics
    }

    private static func metrics(of leadership: LeadershipStatus) -> [Metric] {
        let sizes = leadership.proposalSizes
        return [
            .gauge("learners", leadership.learnerCount, "Followers and observers."),
            .gauge("synced_followers", leadership.syncedFollowerCount, "Voting followers that are up to date."),
            .gauge(
                "synced_non_voting_followers", leadership.syncedNonVotingFollowerCount,
                "Followers without a vote that are up to date."),
            .gauge("synced_observers", leadership.syncedObserverCount, "Observers that are up to date."),
            .gauge("pending_syncs", leadership.pendingSyncCount, "sync requests that wait for a quorum."),
            .gauge("leader_uptime", leadership.uptime.milliseconds, "Time since this leader was elected, in ms."),
            .gauge("last_proposal_size", sizes.last, "Bytes of the last proposal."),
            .gauge("min_proposal_size", sizes.least, "Bytes of the smallest proposal."),
            .gauge("max_proposal_size", sizes.most, "Bytes of the largest proposal."),
        ]
    }
}
