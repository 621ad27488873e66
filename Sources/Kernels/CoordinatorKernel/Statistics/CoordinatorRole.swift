/// What a coordinator is to its clients, and to the ensemble that it belongs to.
package enum CoordinatorRole: Sendable, Equatable {
    /// There is no ensemble.
    case standalone
    case leader(LeadershipStatus)
    case follower
    case observer
    /// Cut off from the quorum, and answering reads all the same.
    case readOnly
    /// Without a leader: nobody is served.
    case looking

    /// As Apache ZooKeeper names it to monitoring.
    package var name: String {
        switch self {
        case .standalone: "standalone"
        case .leader: "leader"
        case .follower: "follower"
        case .observer: "observer"
        case .readOnly: "read-only"
        case .looking: "looking"
        }
    }

    package var isServing: Bool { self != .looking }
    package var isReadOnly: Bool { self == .readOnly }
}

/// What there is to say of a leader.
package struct LeadershipStatus: Sendable, Equatable {
    /// All who follow or observe.
    package var learnerCount = 0
    /// Followers with a vote that have all of the leader's log.
    package var syncedFollowerCount = 0
    package var syncedNonVotingFollowerCount = 0
    package var syncedObserverCount = 0
    /// Requests to sync that wait until a quorum has confirmed who leads.
    package var pendingSyncCount = 0

    package init() {}
}

/// Sizes in bytes of what was sent; all -1 as long as nothing was.
package struct SizeStatistics: Sendable, Equatable {
    package private(set) var last = -1
    package private(set) var least = -1
    package private(set) var most = -1

    package init() {}

    package mutating func add(_ size: Int) {
        last = size
        least = least < 0 ? size : min(least, size)
        most = max(most, size)
    }
}
