import ClusterModel

/// What a comparison of both ends of a link has shown, for people and programs.
package struct ProofReport: Sendable, Encodable {
    package enum Verdict: String, Sendable, Encodable {
        /// The same bytes at the same offsets.
        case equal
        case different
        /// The source compacts the topic, and may have dropped what the mirror topic still holds.
        case compacted
        /// The source has deleted the topic, and the mirror topic stays (`mirror.deletion.policy`).
        case kept
        /// One side could not be asked.
        case unknown

        /// Whether nothing is wrong.
        package var isSound: Bool { self == .equal || self == .compacted || self == .kept }
    }

    package struct Partition: Sendable, Encodable {
        package var topic: String
        /// Its name at the source, where that is another one.
        package var topicAtSource: String?
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
        package var lagInBytes: Int64 = 0
        /// How long the source keeps for certain what is to be mirrored next; nil for ever.
        package var retentionMarginInMilliseconds: Int64?
        /// How much more may be written at the source until what is to be mirrored next may go; nil for any amount.
        package var retentionMarginInBytes: Int64?
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

    /// A setting of a mirror topic that is not its source's.
    package struct Setting: Sendable, Encodable {
        package var topic: String
        package var name: String
        /// nil where it is not set.
        package var source: String?
        package var target: String?
    }

    /// A quota of the source's clients that is not the target's.
    package struct Quota: Sendable, Encodable {
        package var quota: String
        package var source: Double
        /// nil where there is none.
        package var target: Double?
    }

    /// A certificate that this configuration names.
    package struct Certificate: Sendable, Encodable {
        /// The alias of the cluster it is shown to, or that is trusted by it.
        package var cluster: String
        package var place: String
        package var subject: String
        package var endsAtUnixSeconds: Int64
    }

    package var link: String
    /// When the comparison began, in milliseconds since 1970.
    package var beganAt: Int64
    package var partitions: [Partition] = []
    /// Groups whose offsets are not in step: behind what is mirrored, or ahead of it.
    package var groupsOutOfStep: [Group] = []
    /// What the mirror would mend, unless it is not to (`sync.topic.configs.enabled`).
    package var settingsThatDiffer: [Setting] = []
    /// Only of links that keep quotas in step; the target's own, which stay, are among them.
    package var quotasThatDiffer: [Quota] = []
    /// Quotas, credentials and access rules, of those that the link keeps in step.
    package var following: [FollowReport] = []
    /// Why the link as a whole brings nothing; nil when nothing is known against it.
    package var refusal: String?
    /// Patterns of the link's topics that no topic of the source matches, where all topics are compared.
    package var unmatchedPatterns: [String] = []
    /// Topics that the link is to mirror and does not, with why.
    package var topicsNotMirrored: [String: String] = [:]
    /// Topics that the source writes without the lease that the link is to keep, in order.
    package var topicsWithoutLease: [String] = []
    package var certificates: [Certificate] = []
    /// Why nothing is known of a cluster's certificates.
    package var certificateFaults: [String: String] = [:]
    /// Why a failover now would not be what one expects, for people; empty when the target is ready for it.
    package var obstacles: [String] = []

    package init(link: String, beganAt: Int64 = 0) {
        self.link = link
        self.beganAt = beganAt
    }

    /// Whether nothing is known to differ, and everything could be compared.
    package var isProven: Bool { refusal == nil && partitions.allSatisfy(\.verdict.isSound) }
}
