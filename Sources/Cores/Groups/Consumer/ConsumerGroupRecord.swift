import ClusterModel

/// One change of what is remembered of a group of the new protocol (KIP-848). nil takes back what was said before.
package enum ConsumerGroupRecord: Sendable, Equatable {
    /// The group's epoch: the group is there as long as it has one.
    case epoch(Int32?)
    /// The topics that members read, as they were when the epoch was last raised.
    case topics([String: CatalogedTopic]?)
    /// What a member said of itself.
    case member(String, ConsumerMember?)
    /// The group's epoch for which the targets were computed.
    case assignmentEpoch(Int32?)
    /// What a member is to read in the end.
    case target(String, PartitionSet?)
    /// What a member may read now.
    case standing(String, MemberStanding?)
    /// What a regular expression stands for.
    case pattern(String, ResolvedPattern?)
}

/// A member as it speaks of itself.
package struct ConsumerMember: Sendable, Equatable {
    /// `group.instance.id` of a static member (KIP-345).
    package var instanceID: String?
    package var rack: String?
    package var clientID = ""
    /// The client's address with a `/` in front, as Apache Kafka writes it.
    package var clientHost = ""
    /// Sorted, each once.
    package var topics: [String] = []
    package var pattern: String?
    package var rebalanceTimeoutInMilliseconds: Int32 = -1
    /// By name, which assignor it would like.
    package var assignor: String?

    package init() {}
}

/// Where a member stands on its way to its target: see ``MemberState``.
package struct MemberStanding: Sendable, Equatable {
    /// The epoch of a static member that went away and may come back.
    package static let epochOfAbsence: Int32 = -2

    package var epoch: Int32
    package var previousEpoch: Int32
    package var state: MemberState
    /// What it may read.
    package var assigned: PartitionSet
    /// What it may read until it has said that it does no more.
    package var revoking: PartitionSet

    package init(
        epoch: Int32 = 0, previousEpoch: Int32 = -1, state: MemberState = .stable, assigned: PartitionSet = .init(),
        revoking: PartitionSet = .init()
    ) {
        self.epoch = epoch
        self.previousEpoch = previousEpoch
        self.state = state
        self.assigned = assigned
        self.revoking = revoking
    }
}

/// The topics that a regular expression matched.
package struct ResolvedPattern: Sendable, Equatable {
    /// Sorted.
    package var topics: [String]
    /// Of the catalog that was looked at; counts anew with each process.
    package var version: Int64
    /// Milliseconds since 1970.
    package var resolvedAt: Int64

    package init(topics: [String], version: Int64, resolvedAt: Int64) {
        self.topics = topics
        self.version = version
        self.resolvedAt = resolvedAt
    }
}
