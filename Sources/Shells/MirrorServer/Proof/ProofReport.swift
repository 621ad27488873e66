import ClusterModel

/// What a comparison of both ends of a link has shown, for people and programs.
package struct ProofReport: Sendable, Encodable {
    package enum Verdict: String, Sendable, Encodable {
        /// The same bytes at the same offsets.
        case equal
        case different
        /// The source compacts the topic, and may have dropped what the mirror topic still holds.
        case compacted
        /// One side could not be asked.
        case unknown
    }

    package struct Partition: Sendable, Encodable {
        package var topic: String
        package var partition: Int32
        package var verdict = Verdict.unknown
        /// What was compared: what both hold.
        package var from: Offset = -1
        package var to: Offset = -1
        package var batches: Int64 = 0
        package var records: Int64 = 0
        package var bytes: Int64 = 0
        package var sourceDigest = ""
        package var targetDigest = ""
        /// The first offset at which they differ.
        package var differsFrom: Offset?
        /// What the source has committed and the target has not.
        package var lagInRecords: Int64 = 0
        package var lagInMilliseconds: Int64 = 0
        /// Why nothing is known.
        package var fault: String?

        package init(_ partition: TopicPartition) {
            topic = partition.topic
            self.partition = partition.partition
        }
    }

    package struct Group: Sendable, Encodable {
        package var group: String
        package var topic: String
        package var partition: Int32
        package var sourceOffset: Offset
        /// nil when nothing is committed there.
        package var targetOffset: Offset?
    }

    package var link: String
    package var partitions: [Partition] = []
    /// Groups whose offsets are not in step: behind what is mirrored, or ahead of it.
    package var groupsOutOfStep: [Group] = []

    package init(link: String) { self.link = link }

    /// Whether nothing is known to differ, and everything could be compared.
    package var isProven: Bool { partitions.allSatisfy { $0.verdict == .equal || $0.verdict == .compacted } }
}
