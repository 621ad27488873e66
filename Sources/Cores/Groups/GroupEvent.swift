import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups

/// Whom a reply goes to; the registry gives it back as it came, once.
package struct GroupTicket: Sendable, Hashable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }
}

/// Who sent a request by which members join: JoinGroup, or a heartbeat of the new protocol.
package struct JoiningClient: Sendable {
    package var ticket: GroupTicket
    /// The request's version: from JoinGroup 4 on a new member is first told its id, from 9 on a leader may skip assigning.
    package var version: Int16
    package var clientID: String
    /// The address as it is stored and shown: with a `/` in front.
    package var host: String

    package init(ticket: GroupTicket, version: Int16, clientID: String, host: String) {
        self.ticket = ticket
        self.version = version
        self.clientID = clientID
        self.host = host
    }
}

/// What happens to the groups of one partition of `__consumer_offsets`.
package enum GroupEvent: Sendable {
    /// All records have been applied and this broker leads the partition: members may speak from now on.
    case loaded
    case joinRequested(JoinGroupRequest, JoiningClient)
    case syncRequested(SyncGroupRequest, GroupTicket)
    case heartbeatReceived(HeartbeatRequest, GroupTicket)
    case leaveRequested(LeaveGroupRequest, GroupTicket)
    /// A heartbeat of the new protocol. Topics in `hidden` are ones that the sender may not know of; they matter where
    /// ``GroupRegistry/looksForTopics(_:)``.
    case consumerHeartbeatReceived(ConsumerGroupHeartbeatRequest, JoiningClient, hidden: Set<String>)
    /// Partitions in `refused` are answered with that error and left as they are.
    case commitRequested(
        OffsetCommitRequest, version: Int16, refused: [TopicPartition: ErrorCode], GroupTicket)
    /// As above.
    case offsetDeletionRequested(OffsetDeleteRequest, refused: [TopicPartition: ErrorCode], GroupTicket)
    case groupDeletionRequested([String], GroupTicket)
    /// The topics that the cluster has now.
    case topicsChanged(TopicCatalog)
    /// Topics that exist no more.
    case topicsDeleted(Set<String>)
    /// Time has passed; wanted by ``GroupRegistry/nextDeadline`` at the latest.
    case tick
    /// This broker no longer leads the partition; the registry is dropped after this.
    case deposed
}

package enum GroupEffect: Sendable {
    case reply(GroupTicket, GroupReply)
    /// Something an operator may want to read about a group.
    case report(group: String, String)
}

package enum GroupReply: Sendable {
    case joinGroup(JoinGroupResponse)
    case syncGroup(SyncGroupResponse)
    case heartbeat(HeartbeatResponse)
    case leaveGroup(LeaveGroupResponse)
    case consumerHeartbeat(ConsumerGroupHeartbeatResponse)
    case offsetCommit(OffsetCommitResponse)
    case offsetDelete(OffsetDeleteResponse)
    case deleteGroups(DeleteGroupsResponse)
}
