import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import MartletClient
import Mirroring

/// Keeps the positions of one link at its target, as offsets that a group of the mirror's own has committed.
struct PositionStore: Sendable {
    let target: KafkaClient
    let group: String
    let table: PartitionTable

    /// What an earlier life wrote down, by remote name.
    func load() async throws -> [TopicPartition: WrittenPosition] {
        try await Administrator(target).writtenPositions(of: group)
    }

    /// Writes down what has changed here. Whose lease has ended and does so nevertheless harms nobody: what it writes was
    /// so, and whoever goes on from there has more to compare.
    func store() async throws {
        let positions = table.positionsToStore()
        guard !positions.isEmpty else { return }
        var request = OffsetCommitRequest()
        request.groupId = group
        for (_, (remote, position)) in positions.sorted(by: { $0.value.remote < $1.value.remote }) {
            if request.topics.last?.name != remote.topic {
                var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
                topic.name = remote.topic
                request.topics.append(topic)
            }
            var entry = OffsetCommitRequest.OffsetCommitRequestPartition()
            entry.partitionIndex = remote.partition
            entry.committedOffset = position.position.source
            entry.committedMetadata = position.metadata
            request.topics[request.topics.count - 1].partitions.append(entry)
        }
        try await target.retrying { [request] in
            for topic in try await target.send(request, to: .groupCoordinator(group)).topics {
                for entry in topic.partitions {
                    try ClientFault.check(entry.errorCode, "position of \(topic.name)-\(entry.partitionIndex)")
                }
            }
        }
        table.stored(positions)
    }
}

extension Administrator {
    /// What the mirrors whose group that is have written down in this cluster, by remote name.
    func writtenPositions(of group: String) async throws -> [TopicPartition: WrittenPosition] {
        // Asking a cluster where no group ever committed would make it create its topic first, and take a second.
        if try await topics([InternalTopic.ofGroups]).isEmpty { return [:] }
        return try await committedOffsets(of: group).compactMapValues {
            WrittenPosition(committedOffset: $0.offset, metadata: $0.metadata)
        }
    }

    /// The sources from which mirrors have brought topics to this cluster, by those topics, as they have written down.
    /// - Parameter source: one that does not count.
    func sourcesOfCopies(except source: String) async throws -> [String: String] {
        if try await topics([InternalTopic.ofGroups]).isEmpty { return [:] }
        var sources: [String: String] = [:]
        for group in try await groups().map(\.name).sorted() {
            guard let other = WrittenPosition.source(ofGroup: group), other != source else { continue }
            for partition in try await writtenPositions(of: group).keys { sources[partition.topic] = other }
        }
        return sources
    }
}
