import NIOCore

/// A group as its partition's log keeps it: one generation with its members and their assignments, or an empty group.
package struct StoredGroup: Sendable, Equatable {
    /// What the members do together (`consumer`, `connect`, …); empty when never said.
    package var protocolType: String
    package var generation: Int32
    /// The protocol chosen for this generation; nil when the group is empty.
    package var protocolName: String?
    /// A member id; nil when the group is empty.
    package var leader: String?
    /// Since when the group is in its state, in milliseconds since 1970; -1 in records too old to say.
    package var stateSince: Int64
    /// In the order in which they joined.
    package var members: [StoredMember]

    package init(
        protocolType: String, generation: Int32, protocolName: String?, leader: String?, stateSince: Int64,
        members: [StoredMember]
    ) {
        self.protocolType = protocolType
        self.generation = generation
        self.protocolName = protocolName
        self.leader = leader
        self.stateSince = stateSince
        self.members = members
    }
}

/// A member of a ``StoredGroup``.
package struct StoredMember: Sendable, Equatable {
    package var id: String
    /// `group.instance.id` of a static member (KIP-345).
    package var instanceID: String?
    package var clientID: String
    /// The client's address with a `/` in front, as Apache Kafka writes it.
    package var clientHost: String
    package var rebalanceTimeoutInMilliseconds: Int32
    package var sessionTimeoutInMilliseconds: Int32
    /// The member's metadata for the chosen protocol.
    package var subscription: ByteBuffer
    package var assignment: ByteBuffer

    package init(
        id: String, instanceID: String?, clientID: String, clientHost: String, rebalanceTimeoutInMilliseconds: Int32,
        sessionTimeoutInMilliseconds: Int32, subscription: ByteBuffer, assignment: ByteBuffer
    ) {
        self.id = id
        self.instanceID = instanceID
        self.clientID = clientID
        self.clientHost = clientHost
        self.rebalanceTimeoutInMilliseconds = rebalanceTimeoutInMilliseconds
        self.sessionTimeoutInMilliseconds = sessionTimeoutInMilliseconds
        self.subscription = subscription
        self.assignment = assignment
    }
}
