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
    func load() async throws -> [TopicPartition: MirroredPosition] {
        let administrator = Administrator(target)
        // Asking a cluster where no group ever committed would make it create its topic first, and take a second.
        if try await administrator.topics([InternalTopic.ofGroups]).isEmpty { return [:] }
        return try await administrator.committedOffsets(of: group).compactMapValues {
            MirroredPosition(committedOffset: $0.offset, metadata: $0.metadata)
        }
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
            entry.committedOffset = position.source
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
