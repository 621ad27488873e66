import ClusterModel
import KafkaProtocol
import Mirroring

/// What pumps are given by the table, and give back.
extension ExactTable {
    /// Where one lane of a pump reads: nobody else reads there until it was taken or given back.
    struct Claim: Sendable {
        var positions: [(partition: TopicPartition, offset: Offset)] = []
        var offsets: [TopicPartition: Offset] = [:]
        var leaderEpochs: [TopicPartition: LeaderEpoch] = [:]
        var topicIDs: [String: KafkaUUID] = [:]
        var generations: [TopicPartition: Int] = [:]
        /// Where another lane reads on behind: what had better be brought at most, in bytes.
        var mostBytesOf: [TopicPartition: Int32] = [:]
        /// What the answer had better bring at most, in bytes; nil for any number.
        var mostBytes: Int32?
        var mostBytesOfPartition: Int32?
    }

    /// What the target has acknowledged of a partition: it can be asked whether it still has that.
    struct Acknowledged: Sendable {
        var partition: TopicPartition
        var generation: Int
        /// All before it was acknowledged.
        var end: Offset
    }

    /// What one partition has to send.
    struct Outgoing: Sendable {
        var partition: TopicPartition
        var mirror: ExactEntry.Mirror
        var generation: Int
        var append: ExactPartition.Append
    }
}
