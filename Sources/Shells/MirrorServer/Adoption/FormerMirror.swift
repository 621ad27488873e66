import ClusterModel
import MartletClient
import Mirroring

/// MirrorMaker 2 as it ran before, for one link: what it has noted at both clusters.
struct FormerMirror: Sendable {
    /// So many of the latest pairs of a partition count.
    private static let mostPairs = 2048

    let settings: LinkSettings
    let source: KafkaClient
    let target: KafkaClient

    /// The group of its workers that has members still; nil when none has.
    func runningGroup() async throws -> String? {
        for name in settings.formerMirror.groups {
            let group = try await Administrator(target).describeGroup(name)
            if !group.members.isEmpty { return name }
        }
        return nil
    }

    /// Of partitions of the source, what stands in the topics that it has written.
    func notes() async throws -> [TopicPartition: OriginOffset] {
        var last: [TopicPartition: (offset: Offset?, timestamp: Int64)] = [:]
        for topic in settings.formerMirror.offsetsTopics {
            try await target.readRecords(ofAll: topic) { records in
                for record in records {
                    guard let key = record.key, let noted = ConnectPosition(key: key, value: record.value),
                        noted.alias == settings.source, record.timestamp >= last[noted.partition]?.timestamp ?? .min
                    else { continue }
                    last[noted.partition] = (noted.offset, record.timestamp)
                }
            }
        }
        var pairs: [TopicPartition: [MirroredPosition]] = [:]
        let isAtSource = settings.syncsLocation == .source
        let syncs = settings.plan.policy.offsetSyncsTopic(other: isAtSource ? settings.target : settings.source)
        try await (isAtSource ? source : target).readRecords(ofAll: syncs) { records in
            for record in records {
                guard let key = record.key, let value = record.value else { continue }
                let sync = try OffsetSync(key: key, value: value)
                var known = pairs.removeValue(forKey: sync.partition) ?? []
                known.append(MirroredPosition(source: sync.upstreamOffset, target: sync.downstreamOffset))
                if known.count >= 2 * Self.mostPairs { known.removeFirst(Self.mostPairs) }
                pairs[sync.partition] = known
            }
        }
        var notes = pairs.mapValues { OriginOffset(pairs: $0.suffix(Self.mostPairs)) }
        for (partition, noted) in last { notes[partition, default: OriginOffset()].lastCopied = noted.offset }
        return notes
    }
}
