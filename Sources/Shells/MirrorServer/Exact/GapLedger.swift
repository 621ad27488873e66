import ClusterModel
import Logging
import MartletClient
import Mirroring

/// Writes the gaps of a link to its ledger at the target before anything is done about them, and tells people.
struct GapLedger: Sendable {
    private let link: String
    private let policy: GapPolicy
    private let table: any GapTable
    private let topic: InternalTopic
    private let logger: Logger

    init(settings: LinkSettings, policy: GapPolicy, target: KafkaClient, table: any GapTable, logger: Logger) {
        link = settings.name
        self.policy = policy
        self.table = table
        self.logger = logger
        topic = InternalTopic(
            GapEntry.topic(source: settings.source, target: settings.target), in: target,
            replicas: settings.replication.remoteTopics)
    }

    /// Records all that were found since.
    /// - Returns: whether there were any.
    @discardableResult
    func recordGaps() async throws -> Bool {
        let gaps = table.foundGaps()
        guard !gaps.isEmpty else { return false }
        let now = WallClock.unixMilliseconds()
        let entries = gaps.map { found in
            GapEntry(
                partition: found.partition, gap: found.gap, foundAtUnixMilliseconds: now, policy: policy,
                cause: found.gap.description)
        }
        try await topic.write(entries.map { ($0.key, $0.value) }, unixMilliseconds: now)
        for (partition, gap) in gaps {
            guard let remedy = table.settle(partition, gap, under: policy) else { continue }
            logger.error("\(link): gap in \(partition): \(gap.description); \(remedy)")
        }
        return true
    }
}

/// The partitions of a link in which gaps are found.
protocol GapTable: AnyObject, Sendable {
    /// Rung when one was found.
    var gaps: Bells { get }

    /// Those that are not in the ledger yet, in order.
    func foundGaps() -> [(partition: TopicPartition, gap: MirrorGap)]
    /// A gap is in the ledger now.
    /// - Returns: what is done about it, for people; nil when it is of no interest any more.
    func settle(_ partition: TopicPartition, _ gap: MirrorGap, under policy: GapPolicy) -> String?
}

extension ExactTable: GapTable {
    func settle(_ partition: TopicPartition, _ gap: MirrorGap, under policy: GapPolicy) -> String? {
        recorded(partition, gap, under: policy)?.description
    }
}

extension MirrorGap.Remedy {
    /// For people: what the link does now.
    fileprivate var description: String {
        switch self {
        case .rest: "it rests (mirror.gap.policy)"
        case .beginAtSource: "it is emptied and begins again where the source does"
        case .goOnBehindEnd: "what comes after it is mirrored"
        case .mirrorAnew: "the mirror topic is deleted and mirrored anew"
        }
    }
}
