import ClusterModel

/// How a link's topics stand at its target, for people and programs.
package struct LinkStatusReport: Sendable, Encodable {
    package struct Partition: Sendable, Encodable {
        package var partition: Int32
        /// What its leader at the target says: ordinary, mirroring, promoting or fenced; nil when nobody answered. Of
        /// compatible links: copied, or waiting while nothing is written down of it.
        package var state: String?
        package var logStart: Offset = -1
        package var highWatermark: Offset = -1
        package var logEnd: Offset = -1
        package var sizeInBytes: Int64 = -1
        /// Transactions that are neither committed nor aborted.
        package var openTransactions = 0
        /// Where it was cut when its home last moved here; nil for nowhere.
        package var cut: Offset?
        /// The end of what the source has committed; nil when nobody knows.
        package var sourceEnd: Offset?
        /// Whether acks=all at the source waits for the target: synchronous, or degraded while the link does not keep up; nil
        /// where nobody has asked for that, or nobody knows.
        package var synchrony: String?
        /// For how long the source's clients may write unless the link renews that; 0 while they may not. nil where that
        /// needs no lease, or nobody knows.
        package var leaseInMilliseconds: Int64?
        /// What the source has committed and the target has not; nil when nobody knows.
        package var lagInRecords: Int64?
        /// How much later the source's last record was written than the target's; nil when nobody knows.
        package var lagInMilliseconds: Int64?

        init(_ partition: Int32) { self.partition = partition }
    }

    package struct Topic: Sendable, Encodable {
        package var topic: String
        /// Its name at the target, where that is another one.
        package var remote: String?
        /// What the target's tree says. Of compatible links: copied, or waiting before anything was brought.
        package var state: String
        package var homeEpoch: Int32
        package var partitions: [Partition] = []
    }

    /// A process that shares the link.
    package struct Member: Sendable, Encodable {
        /// The same over its restarts.
        package var name: String
        package var host: String
        /// Whether it does what is done once for the link.
        package var hasDuties: Bool
        /// `topic-partition`, in order.
        package var partitions: [String]
        /// What they asked of it when the work was divided last.
        package var bytesPerSecond: Int64
    }

    package struct Gap: Sendable, Encodable {
        package var topic: String
        package var partition: Int32
        package var kind: String
        package var from: Offset
        /// The offset behind it.
        package var to: Offset
        package var foundAtUnixMilliseconds: Int64
        package var policy: String
        package var cause: String
    }

    /// What the link is to bring and does not.
    package struct Objection: Sendable, Encodable {
        package var topic: String
        /// What stands in the way, and what to mend.
        package var cause: String
    }

    /// What one setting of the link is, and where that comes from.
    package struct Setting: Sendable, Encodable {
        package var key: String
        package var value: String?
        /// `default`, a place in a file, or `martlet mirror`.
        package var from: String
        package var isDefault: Bool
    }

    package var link: String
    package var mode: String
    package var state: LinkState
    /// Why it is in its state; nil when nobody has said.
    package var cause: String?
    /// When something was last decided about it at run time; nil for never.
    package var decidedAtUnixMilliseconds: Int64?
    /// All that a link has.
    package var settings: [Setting]
    package var topics: [Topic] = []
    /// Topics of the source that the link's patterns match and that it cannot bring, in order.
    package var blocked: [Objection] = []
    /// By what is to follow besides topics and cannot, as `access rules`: why, and what to mend.
    package var notFollowed: [String: String] = [:]
    /// Patterns of the link that match no topic of the source.
    package var unmatchedPatterns: [String] = []
    /// Patterns of the link that match no group of the source.
    package var unmatchedGroupPatterns: [String] = []
    /// Why the link brings nothing at all, and what to mend; nil when nothing is known to stand in its way.
    package var refusal: String?
    /// Those that bring it now, by name; nobody when each process brings all.
    package var members: [Member] = []
    /// What the ledger has, in order of topics and offsets.
    package var gaps: [Gap] = []
    /// Why the source could not be asked.
    package var sourceFault: String?

    init(_ settings: LinkSettings) {
        link = settings.name
        mode = settings.mode.name
        state = settings.state
        cause = settings.cause
        decidedAtUnixMilliseconds = settings.decision?.decidedAtUnixMilliseconds
        self.settings = settings.sources.map { source in
            Setting(
                key: source.key, value: source.value, from: "\(source.place)", isDefault: source.place == .standard)
        }
    }
}
