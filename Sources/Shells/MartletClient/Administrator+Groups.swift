import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import WireCoding

/// Consumer groups.
extension Administrator {
    package struct ListedGroup: Sendable, Equatable {
        package var name: String
        package var protocolType: String
        /// Empty when the broker does not say.
        package var state: String
        /// `classic` or `consumer`; empty when the broker does not say.
        package var type: String
    }

    package struct CommittedOffset: Sendable, Equatable {
        package var offset: Offset
        package var leaderEpoch: LeaderEpoch
        package var metadata: String
    }

    /// All groups, asked of every broker, sorted by name.
    package func groups() async throws -> [ListedGroup] {
        try await client.retrying {
            var found: [String: ListedGroup] = [:]
            for broker in try await client.refreshMetadata(topics: []).brokers.keys.sorted() {
                let answer = try await client.send(ListGroupsRequest(), to: .broker(broker))
                try ClientFault.check(answer.errorCode, "groups of broker \(broker)")
                for group in answer.groups {
                    found[group.groupId] = ListedGroup(
                        name: group.groupId, protocolType: group.protocolType, state: group.groupState,
                        type: group.groupType)
                }
            }
            return found.values.sorted { $0.name < $1.name }
        }
    }

    /// One group of the classic protocol with its members, as that describes it; `Dead` where there is none.
    package func describeGroup(_ name: String) async throws -> DescribeGroupsResponse.DescribedGroup {
        var request = DescribeGroupsRequest()
        request.groups = [name]
        return try await client.retrying { [request] in
            guard let group = try await client.send(request, to: .groupCoordinator(name)).groups.first else {
                throw ClientFault(.malformed, "no answer for group \(name)")
            }
            try ClientFault.check(group.errorCode, "group \(name)")
            return group
        }
    }

    /// Deletes a group that has no members.
    package func deleteGroup(_ name: String) async throws {
        var request = DeleteGroupsRequest()
        request.groupsNames = [name]
        try await client.retrying { [request] in
            for result in try await client.send(request, to: .groupCoordinator(name)).results {
                try ClientFault.check(result.errorCode, "group \(name)")
            }
        }
    }

    /// All offsets that a group has committed.
    package func committedOffsets(of group: String) async throws -> [TopicPartition: CommittedOffset] {
        var entry = OffsetFetchRequest.OffsetFetchRequestGroup()
        entry.groupId = group
        entry.topics = nil
        var request = OffsetFetchRequest()
        request.groupId = group
        request.topics = nil
        request.groups = [entry]
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .groupCoordinator(group))
            var found: [TopicPartition: CommittedOffset] = [:]
            func add(_ topic: String, _ index: Int32, _ offset: CommittedOffset, _ code: Int16) throws(ClientFault) {
                let partition = TopicPartition(topic: topic, partition: index)
                try ClientFault.check(code, "offset of group \(group) in \(partition)")
                if offset.offset >= 0 { found[partition] = offset }
            }
            try ClientFault.check(answer.groups.first?.errorCode ?? answer.errorCode, "offsets of group \(group)")
            for topic in answer.groups.first?.topics ?? [] {
                for entry in topic.partitions {
                    let offset = CommittedOffset(
                        offset: entry.committedOffset, leaderEpoch: entry.committedLeaderEpoch,
                        metadata: entry.metadata ?? "")
                    try add(topic.name, entry.partitionIndex, offset, entry.errorCode)
                }
            }
            for topic in answer.topics {
                for entry in topic.partitions {
                    let offset = CommittedOffset(
                        offset: entry.committedOffset, leaderEpoch: entry.committedLeaderEpoch,
                        metadata: entry.metadata ?? "")
                    try add(topic.name, entry.partitionIndex, offset, entry.errorCode)
                }
            }
            return found
        }
    }

    /// Commits offsets for a group without being its member: only for groups whose members are away, and for
    /// consumers that assign partitions to themselves.
    /// - Parameter metadata: texts that are kept with the offsets; none where it is absent.
    package func commitOffsets(
        _ offsets: [TopicPartition: Offset], metadata: [TopicPartition: String] = [:], of group: String
    ) async throws {
        var request = OffsetCommitRequest()
        request.groupId = group
        request.topics = OffsetCommitRequest.topics(offsets, metadata: metadata)
        try await client.retrying { [request] in
            for topic in try await client.send(request, to: .groupCoordinator(group)).topics {
                for entry in topic.partitions {
                    try ClientFault.check(
                        entry.errorCode, "offset of group \(group) in \(topic.name)-\(entry.partitionIndex)")
                }
            }
        }
    }
}

extension OffsetCommitRequest {
    /// Offsets by topic, in order.
    static func topics(
        _ offsets: [TopicPartition: Offset], metadata: [TopicPartition: String] = [:]
    ) -> [OffsetCommitRequestTopic] {
        var topics: [OffsetCommitRequestTopic] = []
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            if topics.last?.name != partition.topic {
                var topic = OffsetCommitRequestTopic()
                topic.name = partition.topic
                topics.append(topic)
            }
            var entry = OffsetCommitRequestPartition()
            entry.partitionIndex = partition.partition
            entry.committedOffset = offset
            entry.committedMetadata = metadata[partition] ?? ""
            topics[topics.count - 1].partitions.append(entry)
        }
        return topics
    }
}
