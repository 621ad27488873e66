import Logging
import MartletClient
import Mirroring

/// Writes the gaps of a link to its ledger at the target before anything is done about them, and tells people.
struct GapLedger: Sendable {
    private let link: String
    private let policy: GapPolicy
    private let table: ExactTable
    private let topic: InternalTopic
    private let logger: Logger

    init(settings: LinkSettings, policy: GapPolicy, target: KafkaClient, table: ExactTable, logger: Logger) {
        link = settings.name
        self.policy = policy
        self.table = table
        self.logger = logger
        topic = InternalTopic(
            GapEntry.topic(source: settings.source, target: settings.target), in: target,
            replicas: settings.replication.remoteTopics)
    }

    /// Records all that were found since.
    func recordGaps() async throws {
        let gaps = table.foundGaps()
        let now = WallClock.unixMilliseconds()
        let entries = gaps.map { found in
            GapEntry(
                partition: found.partition, gap: found.gap, foundAtUnixMilliseconds: now, policy: policy,
                cause: found.gap.description)
        }
        try await topic.write(entries.map { ($0.key, $0.value) }, unixMilliseconds: now)
        for (partition, gap) in gaps {
            guard let remedy = table.recorded(partition, gap, under: policy) else { continue }
            logger.error("\(link): gap in \(partition): \(gap.description); \(remedy.description)")
        }
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
