import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import Seams
import SegmentedLog

/// A partition of a DeleteRecords request that waits until no living replica holds a record before `offset`.
struct DeletionWait {
    var offset: Offset
    var id: WaitingReplies<DeleteRecordsResponse>.ID
    /// The partition's place in the response.
    var topic: Int
    var place: Int
}

extension BrokerKernel {
    /// Deletes at once and answers when all living replicas have deleted, or when the request's time is up.
    mutating func deleteRecords(_ request: Request, _ body: DeleteRecordsRequest) {
        var response = DeleteRecordsResponse()
        var waits: [(topic: Int, place: Int, Partition, Offset)] = []
        let forbidden = forbidden(request, .delete, body.topics.lazy.map(\.name))
        for topic in body.topics {
            var told = DeleteRecordsResponse.DeleteRecordsTopicResult()
            told.name = topic.name
            for wanted in topic.partitions {
                var one = DeleteRecordsResponse.DeleteRecordsPartitionResult()
                one.partitionIndex = wanted.partitionIndex
                guard !forbidden.contains(topic.name) else {
                    one.lowWatermark = -1
                    one.errorCode = ErrorCode.topicAuthorizationFailed.rawValue
                    told.partitions.append(one)
                    continue
                }
                switch delete(
                    before: wanted.offset, in: TopicPartition(topic: topic.name, partition: one.partitionIndex))
                {
                case .success(let (partition, offset)):
                    one.lowWatermark = lowWatermark(of: partition)
                    if one.lowWatermark < offset {
                        one.errorCode = ErrorCode.requestTimedOut.rawValue
                        waits.append((response.topics.count, told.partitions.count, partition, offset))
                    }
                case .failure(let error):
                    one.lowWatermark = -1
                    one.errorCode = error.rawValue
                }
                told.partitions.append(one)
            }
            response.topics.append(told)
        }
        guard !waits.isEmpty else {
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        let id = waitingDeletions.add(
            request, response, missing: waits.count, until: now + .milliseconds(Int64(max(0, body.timeoutMs))))
        for (topic, place, partition, offset) in waits {
            partition.deletions.removeAll { !waitingDeletions.isWaiting($0.id) }
            partition.deletions.append(DeletionWait(offset: offset, id: id, topic: topic, place: place))
        }
    }

    /// Moves a partition's start to `offset` (-1: its high watermark); what lies before it is gone for readers at once
    /// and from the disk later. Returns the offset that was meant.
    private mutating func delete(
        before offset: Offset, in name: TopicPartition
    ) -> Result<(Partition, Offset), ErrorCode> {
        guard !InternalTopics.names.contains(name.topic) else { return .failure(.invalidTopicException) }
        switch led(name) {
        case .failure(let error): return .failure(error)
        case .success(let partition):
            // The answer has no room for a reason; of an invalid request Apache's client says that it is malformed.
            guard partition.standing.state == .ordinary else { return .failure(.policyViolation) }
            guard leaseObjection(to: partition) == nil else { return .failure(.notEnoughReplicas) }
            guard partition.log.settings.cleanupPolicy.contains(.delete) else { return .failure(.policyViolation) }
            let target = offset == -1 ? partition.log.highWatermark : offset
            let isDone = onLog { [logStore] () throws(LogFailure) in
                guard try partition.log.deleteRecords(before: target) else { return false }
                try logStore.writeLogStartOffsets()
                return true
            }
            guard let isDone else { return .failure(.kafkaStorageError) }
            guard isDone else { return .failure(.offsetOutOfRange) }
            parkedFetches.note(partition)
            upkeep.note(partition)
            return .success((partition, target))
        }
    }

    /// The first offset that a living replica of a partition led here still has.
    private func lowWatermark(of partition: Partition) -> Offset {
        let start = partition.log.logStartOffset
        return partition.leadership?.lowWatermark(from: start) { image.brokers[$0] != nil } ?? -1
    }

    // MARK: - Waiting for followers

    /// Ends what waits for a partition's replicas, as far as they have deleted, or all of it when it is led elsewhere.
    mutating func endDeletions(of partition: Partition) {
        guard !partition.deletions.isEmpty else { return }
        let reached = lowWatermark(of: partition)
        let ended = partition.deletions.filter { !partition.isLeader || $0.offset <= reached }
        partition.deletions.removeAll { !partition.isLeader || $0.offset <= reached }
        let error = partition.isLeader ? ErrorCode.none : .notLeaderOrFollower
        for wait in ended {
            let done = waitingDeletions.end(wait.id) { response in
                response.topics[wait.topic].partitions[wait.place].errorCode = error.rawValue
                response.topics[wait.topic].partitions[wait.place].lowWatermark = reached
            }
            guard let (request, response) = done else { continue }
            reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    /// Looks again at all that waits: a broker that is gone is not waited for.
    mutating func endDeletionsOfTheLiving() {
        let waiting = partitions.values.filter { !$0.deletions.isEmpty }
        for partition in waiting.sorted(by: { $0.name < $1.name }) { endDeletions(of: partition) }
    }

    /// Answers the requests that have waited long enough. Their records are gone here, and will be elsewhere.
    mutating func endLateDeletions() {
        while let (request, response) = waitingDeletions.takeDue(at: now) {
            reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }
}
