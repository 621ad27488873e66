import KafkaProtocolGroups
import NIOCore
import Seams

/// A member of a group that is alive: what it told when it joined, and what it waits for.
struct GroupMember {
    typealias SupportedProtocol = JoinGroupRequest.JoinGroupRequestProtocol

    var id: String
    let instanceID: String?
    let clientID: String
    let clientHost: String
    var rebalanceTimeoutInMilliseconds: Int32
    var sessionTimeoutInMilliseconds: Int32
    /// What it can do, the best first.
    var protocols: [SupportedProtocol]
    var assignment = ByteBuffer()
    /// Its place in the order of joining.
    let number: UInt64

    /// Its JoinGroup request that waits for the others.
    var join: GroupTicket?
    /// Its SyncGroup request that waits for the leader's.
    var sync: GroupTicket?
    /// Whether it has not been through a rebalance yet, and so cannot know its id and send heartbeats.
    var isNew = true
    /// Until when it must be heard of, unless it waits for us.
    var sessionDeadline: Instant

    var isStatic: Bool { instanceID != nil }

    /// Whether silence beyond the session's deadline ends its membership. A member that waits for our reply cannot
    /// speak; but one that never got its id is not waited for forever.
    var mayExpire: Bool { isNew || (join == nil && sync == nil) }

    mutating func heard(at now: Instant) {
        sessionDeadline = now + .milliseconds(Int64(sessionTimeoutInMilliseconds))
    }

    func metadata(for protocolName: String?) -> ByteBuffer {
        protocols.first { $0.name == protocolName }?.metadata ?? ByteBuffer()
    }

    /// Whether `protocols` say what the member said before.
    func supportsExactly(_ other: [SupportedProtocol]) -> Bool {
        protocols.elementsEqual(other) { $0.name == $1.name && $0.metadata == $1.metadata }
    }

    func stored(protocolName: String?) -> StoredMember {
        StoredMember(
            id: id, instanceID: instanceID, clientID: clientID, clientHost: clientHost,
            rebalanceTimeoutInMilliseconds: rebalanceTimeoutInMilliseconds,
            sessionTimeoutInMilliseconds: sessionTimeoutInMilliseconds, subscription: metadata(for: protocolName),
            assignment: assignment)
    }
}
