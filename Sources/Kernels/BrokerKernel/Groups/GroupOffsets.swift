import ClusterModel
import Groups
import KafkaProtocol
import KafkaProtocolGroups

/// Committed offsets of groups: written, read and deleted.
extension BrokerKernel {
    mutating func offsetCommit(_ request: Request, _ body: OffsetCommitRequest) {
        let partition: Int32
        switch coordinated(body.groupId, request, .read) {
        case .success(let found): partition = found
        case .failure(let error): return refuse(request, body, error)
        }
        // What cannot be committed is not even appended.
        guard !isUnderMinimum(partition) else { return refuse(request, body, .coordinatorNotAvailable) }
        let refused = refused(
            body.topics.flatMap { topic in
                topic.partitions.map { TopicPartition(topic: topic.name, partition: $0.partitionIndex) }
            }, forbidden: forbidden(request, .read, body.topics.lazy.map(\.name)))
        ask(partition) {
            .commitRequested(body, version: request.version, refused: refused, $0)
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
        let partition: Int32
        switch coordinated(body.groupId, request, .delete) {
        case .success(let found): partition = found
        case .failure(let error):
            var response = OffsetDeleteResponse()
            response.errorCode = error.rawValue
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        let refused = refused(
            body.topics.flatMap { topic in
                topic.partitions.map { TopicPartition(topic: topic.name, partition: $0.partitionIndex) }
            }, forbidden: forbidden(request, .read, body.topics.lazy.map(\.name)))
        ask(partition) {
            .offsetDeletionRequested(body, refused: refused, $0)
        } answer: { kernel, reply in
            guard case .offsetDelete(let response) = reply else {
                preconditionFailure("a deletion was answered by \(reply)")
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    /// Those of the partitions that are of forbidden topics or do not exist.
    private func refused(_ partitions: [TopicPartition], forbidden: Set<String>) -> [TopicPartition: ErrorCode] {
        var refused: [TopicPartition: ErrorCode] = [:]
        for partition in partitions {
            if forbidden.contains(partition.topic) {
                refused[partition] = .topicAuthorizationFailed
            } else if image.partition(partition) == nil {
                refused[partition] = .unknownTopicOrPartition
            }
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
            kernel.tellCommitted(of: group, request, requireStable: body.requireStable, then: tell)
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
        of group: OffsetFetchRequest.OffsetFetchRequestGroup, _ request: Request, requireStable: Bool,
        then tell: @escaping (inout BrokerKernel, OffsetFetchResponse.OffsetFetchResponseGroup) -> Void
    ) {
        let partition: Int32
        switch coordinated(group.groupId, request, .describe) {
        case .success(let found): partition = found
        case .failure(let error): return tell(&self, Self.refused(group, error))
        }
        guard let registry = groups.registries[partition] else {
            return tell(&self, Self.refused(group, refusal(of: group.groupId)))
        }
        if let refusal = registry.refusalToTell(
            group.groupId, memberID: group.memberId, memberEpoch: group.memberEpoch)
        {
            return tell(&self, Self.refused(group, refusal))
        }
        var told = OffsetFetchResponse.OffsetFetchResponseGroup()
        told.groupId = group.groupId
        if let topics = group.topics {
            let forbidden = forbidden(request, .describe, topics.lazy.map(\.name))
            told.topics = registry.committedOffsets(
                of: group.groupId, topics: topics.filter { !forbidden.contains($0.name) }, requireStable: requireStable)
            let hidden = topics.filter { forbidden.contains($0.name) }
            told.topics += hidden.map { Self.refused($0, .topicAuthorizationFailed) }
        } else {
            told.topics = registry.committedOffsets(of: group.groupId, topics: nil, requireStable: requireStable)
            let forbidden = forbidden(request, .describe, told.topics.lazy.map(\.name), tellsDenial: false)
            told.topics.removeAll { forbidden.contains($0.name) }
        }
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
        told.topics = (group.topics ?? []).map { refused($0, error) }
        return told
    }

    private static func refused(
        _ topic: OffsetFetchRequest.OffsetFetchRequestTopics, _ error: ErrorCode
    ) -> OffsetFetchResponse.OffsetFetchResponseTopics {
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
}
