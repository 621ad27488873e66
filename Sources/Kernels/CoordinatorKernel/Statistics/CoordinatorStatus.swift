import Seams

/// What there is to say of a coordinator as a whole; cheap to make.
package struct CoordinatorStatus: Sendable {
    package var role: CoordinatorRole
    /// nil without an ensemble.
    package var ensemble: EnsembleStatus?
    /// Whether changes can be taken: not while the disk is full.
    package var hasRoom: Bool
    package var lastZxid: Int64
    package var nodeCount: Int
    /// Bytes of all paths and data.
    package var dataSizeInBytes: Int
    package var ephemeralCount: Int
    package var sessionCount: Int
    /// Watches of all kinds.
    package var watchCount: Int
    /// Requests that wait for their answers.
    package var outstanding: Int
    package var connectionCount: Int
    package var server: ServerStatistics
}

/// Watches that fire once on data, as `wchs` counts them.
package struct WatchCounts: Sendable, Equatable {
    /// Connections that watch anything.
    package var connections: Int
    package var paths: Int
    /// Pairs of a connection and a path.
    package var total: Int
}

/// One session, for `dump`.
package struct SessionStatus: Sendable, Equatable {
    package var id: Int64
    /// When it expires unless something is heard of it.
    package var deadline: Instant
    /// Sorted.
    package var ephemerals: [String]
}
