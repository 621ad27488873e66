import ClusterModel
import Groups
import KafkaProtocol
import KafkaProtocolGroups

/// Committed offsets of groups: written, read and deleted.
extension BrokerKernel {
    mutating func offsetCommit(_ request: Request, _ body: OffsetCommitRequest) {
        guard let partition = coordinatedPartition(of: body.groupId) else {
            return refuse(request, body, refusal(of: body.groupId))
        }
        // What cannot be committed is not even appended.
        guard !isUnderMinimum(partition) else { return refuse(request, body, .coordinatorNotAvailable) }
        let refused = unknown(
            body.topics.lazy.flatMap { topic in
                topic.partitions.lazy.map { TopicPartition(topic: topic.name, partition: $0.partitionIndex) }
            })
        ask(partition) {
            .commitRequested(body, refused: refused, $0)
        } answer: { kernel, reply in
            guard case .offsetCommit(let response) = reply else {
                preconditionFailure("a commit was answered by \(reply)")
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private mutating func refuse(_ request: Request, _ body: OffsetCommitRequest, _ error: ErrorCode) {
        var response = OffsetCommitResponse()
        response.topics = body.topics.map { topic in
            var told = OffsetCommitResponse.OffsetCommitResponseTopic()
            told.name = topic.name
            told.partitions = topic.partitions.map { partition in
                var one = OffsetCommitResponse.OffsetCommitResponsePartition()
                one.partitionIndex = partition.partitionIndex
                one.errorCode = error.rawValue
                return one
            }
            return told
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    private func isUnderMinimum(_ partition: Int32) -> Bool {
        let name = TopicPartition(topic: InternalTopics.committedOffsets, partition: partition)
        return partitions[name]?.leadership?.isUnderMinimum ?? false
    }

    mutating func offsetDelete(_ request: Request, _ body: OffsetDeleteRequest) {
        guard let partition = coordinatedPartition(of: body.groupId) else {
            var response = OffsetDeleteResponse()
            response.errorCode = refusal(of: body.groupId).rawValue
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        let refused = unknown(
            body.topics.lazy.flatMap { topic in
                topic.partitions.lazy.map { TopicPartition(topic: topic.name, partition: $0.partitionIndex) }
            })
        ask(partition) {
            .offsetDeletionRequested(body, refused: refused, $0)
        } answer: { kernel, reply in
            guard case .offsetDelete(let response) = reply else {
                preconditionFailure("a deletion was answered by \(reply)")
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    /// Those of the partitions that do not exist.
    private func unknown(_ partitions: some Sequence<TopicPartition>) -> [TopicPartition: ErrorCode] {
        var refused: [TopicPartition: ErrorCode] = [:]
        for partition in partitions where image.partition(partition) == nil {
            refused[partition] = .unknownTopicOrPartition
        }
        return refused
    }

    /// Versions up to 7 ask for one group, later ones for many.
    mutating func offsetFetch(_ request: Request, _ body: OffsetFetchRequest) {
        var wanted = body.groups
        if request.version < 8 {
            var one = OffsetFetchRequest.OffsetFetchRequestGroup()
            one.groupId = body.groupId
            one.topics = body.topics.map { topics in
                topics.map { topic in
                    var wanted = OffsetFetchRequest.OffsetFetchRequestTopics()
                    wanted.name = topic.name
                    wanted.partitionIndexes = topic.partitionIndexes
                    return wanted
                }
            }
            wanted = [one]
        }
        gather(wanted) { kernel, group, tell in
            kernel.tellCommitted(of: group, requireStable: body.requireStable, then: tell)
        } then: { kernel, told in
            let response = Self.response(told, version: request.version)
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private static func response(
        _ groups: [OffsetFetchResponse.OffsetFetchResponseGroup], version: Int16
    ) -> OffsetFetchResponse {
        var response = OffsetFetchResponse()
        guard version < 8 else {
            response.groups = groups
            return response
        }
        response.errorCode = groups[0].errorCode
        response.topics = groups[0].topics.map { topic in
            var told = OffsetFetchResponse.OffsetFetchResponseTopic()
            told.name = topic.name
            told.partitions = topic.partitions.map { partition in
                var one = OffsetFetchResponse.OffsetFetchResponsePartition()
                one.partitionIndex = partition.partitionIndex
                one.committedOffset = partition.committedOffset
                one.committedLeaderEpoch = partition.committedLeaderEpoch
                one.metadata = partition.metadata
                one.errorCode = partition.errorCode
                return one
            }
            return told
        }
        return response
    }

    private mutating func tellCommitted(
        of group: OffsetFetchRequest.OffsetFetchRequestGroup, requireStable: Bool,
        then tell: @escaping (inout BrokerKernel, OffsetFetchResponse.OffsetFetchResponseGroup) -> Void
    ) {
        guard let partition = coordinatedPartition(of: group.groupId), let registry = groups.registries[partition]
        else { return tell(&self, Self.refused(group, refusal(of: group.groupId))) }
        var told = OffsetFetchResponse.OffsetFetchResponseGroup()
        told.groupId = group.groupId
        told.topics = registry.committedOffsets(of: group.groupId, topics: group.topics, requireStable: requireStable)
        whenGroupsCommitted(partition) { [told] kernel, outcome in
            switch outcome {
            case .committed: tell(&kernel, told)
            case .deposed: tell(&kernel, Self.refused(group, .notCoordinator))
            // Of the errors that make clients ask again the one that says "not yet".
            case .late: tell(&kernel, Self.refused(group, .coordinatorLoadInProgress))
            }
        }
    }

    private static func refused(
        _ group: OffsetFetchRequest.OffsetFetchRequestGroup, _ error: ErrorCode
    ) -> OffsetFetchResponse.OffsetFetchResponseGroup {
        var told = OffsetFetchResponse.OffsetFetchResponseGroup()
        told.groupId = group.groupId
        told.errorCode = error.rawValue
        // Versions 0 and 1 have no other place for the error than the partitions.
        told.topics = (group.topics ?? []).map { topic in
            var answer = OffsetFetchResponse.OffsetFetchResponseTopics()
            answer.name = topic.name
            answer.partitions = topic.partitionIndexes.map { index in
                var one = OffsetFetchResponse.OffsetFetchResponsePartitions()
                one.partitionIndex = index
                one.committedOffset = -1
                one.metadata = ""
                one.errorCode = error.rawValue
                return one
            }
            return answer
        }
        return told
    }
}
