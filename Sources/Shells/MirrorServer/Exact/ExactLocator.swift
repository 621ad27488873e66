import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring

/// Finds out how a partition stands at both sides, so that its mirroring can begin or go on.
struct ExactLocator: Sendable {
    private static let aloneAtOnce = 32

    let link: String
    let source: KafkaClient
    let target: KafkaClient
    let table: ExactTable

    /// Asks for all at once; when that fails, for each alone, so that one partition without a leader stops no other.
    func locate(_ partitions: [TopicPartition]) async {
        do {
            try await locateAll(partitions)
        } catch {
            source.forgetPlaces()
            target.forgetPlaces()
            if partitions.count == 1 || Task.isCancelled {
                for partition in partitions { postpone(partition, because: error) }
                return
            }
            await withTaskGroup(of: Void.self) { group in
                for (place, partition) in partitions.enumerated() {
                    if place >= Self.aloneAtOnce { await group.next() }
                    group.addTask { await locateAlone(partition) }
                }
            }
        }
    }

    private func locateAlone(_ partition: TopicPartition) async {
        do {
            try await locateAll([partition])
        } catch {
            postpone(partition, because: error)
        }
    }

    private func postpone(_ partition: TopicPartition, because error: any Error) {
        table.postpone(partition, reason: "asking how it stands: \(error)")
    }

    private func locateAll(_ partitions: [TopicPartition]) async throws {
        // The target first: what is appended meanwhile must not look as if the source lacked it.
        let targets = try await Administrator(target).describeMirrors(partitions)
        let topics = try await source.refreshMetadata(topics: Set(partitions.map(\.topic)).sorted()).topics
        let sources = Administrator(source)
        let starts = try await sources.offsets(.earliest, of: partitions)
        var epochs: [TopicPartition: LeaderEpoch] = [:]
        for partition in partitions {
            guard let topic = topics[partition.topic], topic.partitions.indices.contains(Int(partition.partition))
            else {
                throw ClientFault.refused(.unknownTopicOrPartition, "\(partition) at the source")
            }
            epochs[partition] = topic.partitions[Int(partition.partition)].leaderEpoch
        }
        // The present epoch ends where the leader's log does, also before that is committed (again).
        let ends = try await sources.ends(of: epochs.mapValues { ($0, $0) })
        let known = try await endsOfMirrored(sources, epochs, targets)
        let logs = try await partitions.mapConcurrently { [topics, epochs] partition in
            let stands = try mirror(of: partition, targets)
            guard let topic = topics[partition.topic], let start = starts[partition]?.offset,
                let epoch = epochs[partition], let end = ends[partition]
            else { throw ClientFault.refused(.leaderNotAvailable, "\(partition) at the source") }
            var log = ExactPartition.SourceLog(
                topicID: topic.id, leaderEpoch: epoch, start: start, firstBatch: start, end: end,
                epochEnd: known[partition])
            if topic.id == stands.topicID { try await compare(partition, stands, &log) }
            return (stands, log)
        }
        for (partition, (stands, log)) in zip(partitions, logs) {
            table.located(
                partition, ExactEntry.Mirror(topicID: stands.topicID, homeEpoch: stands.homeEpoch),
                ExactPartition.TargetLog(
                    topicID: stands.topicID, start: stands.logStart, end: stands.end,
                    highWatermark: stands.highWatermark), log)
        }
    }

    /// How the target has the partition. Throws when that is not this link's mirror topic.
    private func mirror(
        of partition: TopicPartition, _ targets: [TopicPartition: Administrator.DescribedPartition]
    ) throws(ClientFault) -> Administrator.DescribedPartition {
        guard let stands = targets[partition] else {
            throw .refused(.unknownTopicOrPartition, "\(partition) at the target")
        }
        guard stands.state == .mirroring, stands.link == link else {
            throw .refused(
                .invalidRequest, "\(partition)",
                "the target has it as \(stands.state.name ?? "ordinary") topic of link '\(stands.link)'")
        }
        return stands
    }

    /// Where the epochs of the last mirrored batches end at the source, as far as they are known here and there.
    private func endsOfMirrored(
        _ sources: Administrator, _ current: [TopicPartition: LeaderEpoch],
        _ targets: [TopicPartition: Administrator.DescribedPartition]
    ) async throws -> [TopicPartition: Offset] {
        var asked: [TopicPartition: (epoch: LeaderEpoch, current: LeaderEpoch)] = [:]
        for (partition, stands) in targets {
            guard let epoch = table.epochToAsk(partition, end: stands.end), let now = current[partition] else {
                continue
            }
            asked[partition] = (epoch, now)
        }
        return asked.isEmpty ? [:] : try await sources.ends(of: asked)
    }

    /// Looks at batches where offsets and epochs alone do not tell enough.
    private func compare(
        _ partition: TopicPartition, _ stands: Administrator.DescribedPartition,
        _ log: inout ExactPartition.SourceLog
    ) async throws {
        let comparison = LogComparison(partition: partition, source: source, target: target)
        if log.start > stands.end {
            log.firstBatch = try await comparison.firstBatch(from: log.start)
        } else if log.epochEnd == nil, stands.logStart < stands.end, log.start < min(log.end, stands.end) {
            log.tail = try await comparison.tail(from: max(log.start, stands.logStart), log.end, stands.end)
        }
    }
}
