import ClusterModel
import Controller
import Replication
import Seams
import SegmentedLog

/// A replica of a partition on this broker: its log, and its part in the partition's replication.
package final class Partition {
    package let name: TopicPartition
    package let topicID: KafkaUUID
    /// Another one once the replica has moved to another directory.
    package internal(set) var log: PartitionLog
    /// As the tree has it; -1 before it was read.
    package internal(set) var leaderEpoch: LeaderEpoch = -1
    /// Set while this broker leads.
    package internal(set) var leadership: PartitionLeader?
    /// The broker whose log this one follows; nil while this broker or nobody leads.
    package internal(set) var followedLeader: BrokerID?
    var minimumInSyncReplicas = 1
    var throttled = ThrottledSides()
    /// Who writes to the topic, as its settings have it.
    package internal(set) var standing = MirrorStanding.ordinary
    /// By which link another region has to have what acks=all is answered for, as the topic's settings have it.
    var wantedLink: (name: String, limit: Duration)?
    /// How that link keeps up; nil where none is wanted, and unless this broker leads.
    package internal(set) var synchronousLink: SynchronousLink?
    /// Which link has to say that the home is here, for clients to write, as the topic's settings have it.
    var leaseLink: String?
    /// nil where no link has to, and unless this broker leads.
    package internal(set) var lease: HeldLease?
    /// Where the log was cut when the topic's home moved, in that order.
    var cuts: [MirrorCuts.Cut] = []
    /// Of a mirror topic: where the log of its source begins, as far as it was told.
    var sourceLogStart: Offset = -1
    /// Who waits for the high watermark; empty unless this broker leads.
    var gate = CommitGate<CommitWaiter>()
    /// Who waits until all replicas have deleted; empty unless this broker leads.
    var deletions: [DeletionWait] = []
    /// Where the log began when its leader was last asked for records.
    var toldLogStart: Offset = -1
    /// For when a tick of `leadership` is scheduled; `never` for none.
    var scheduledTick = Instant.never
    /// Whether the log grew in this step, so that fetches waiting for it are looked at.
    var hasGrown = false
    /// Whether its log is among those that may want to be flushed, or rid of files.
    var isInUpkeep = false
    /// The fetch sessions whose clients know all there is to know of it now.
    var quietSessions: Set<Int32> = []

    init(name: TopicPartition, topicID: KafkaUUID, log: PartitionLog) {
        self.name = name
        self.topicID = topicID
        self.log = log
    }

    package var isLeader: Bool { leadership != nil }

    /// Up to where acks=all is answered: what is committed, and where the topic is synchronous, in the other region too.
    var answeredEnd: Offset {
        guard let synchronousLink else { return log.highWatermark }
        return synchronousLink.answeredEnd(highWatermark: log.highWatermark)
    }

    var synchrony: Synchrony {
        guard let synchronousLink else { return .asynchronous }
        return synchronousLink.isDegraded ? .degraded : .synchronous
    }

    /// What consumers may read up to: the high watermark, or only to the first undecided transaction.
    func readableEnd(committedOnly: Bool) -> Offset {
        committedOnly ? log.lastStableOffset : log.highWatermark
    }
}
