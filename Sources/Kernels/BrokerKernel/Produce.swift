import ClusterModel
import KafkaProtocol
import NIOCore
import SegmentedLog
import WireCoding

extension BrokerKernel {
    mutating func produce(_ request: Request, _ body: ProduceRequest) {
        var response = ProduceResponse()
        response.responses.reserveCapacity(body.topicData.count)
        var hasFailed = false
        for topic in body.topicData {
            var told = ProduceResponse.TopicProduceResponse()
            told.name = topic.name
            told.partitionResponses.reserveCapacity(topic.partitionData.count)
            for data in topic.partitionData {
                let outcome = append(data, of: topic.name, request, body)
                hasFailed = hasFailed || outcome.errorCode != 0
                told.partitionResponses.append(outcome)
            }
            response.responses.append(told)
        }
        if body.acks == 0 {
            // The client hears of a failure by the loss of its connection, and asks for metadata again.
            if hasFailed {
                perform(.close(request.ticket.connection, reason: "a produce request with acks=0 was refused"))
            } else {
                perform(.noReply(request.ticket))
            }
        } else {
            reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private mutating func append(
        _ data: ProduceRequest.PartitionProduceData, of topic: String, _ request: Request, _ body: ProduceRequest
    ) -> ProduceResponse.PartitionProduceResponse {
        var told = ProduceResponse.PartitionProduceResponse()
        told.index = data.index
        told.baseOffset = -1
        func refused(_ error: ErrorCode, _ message: String? = nil) -> ProduceResponse.PartitionProduceResponse {
            told.errorCode = error.rawValue
            told.errorMessage = message
            return told
        }
        guard (-1...1).contains(body.acks) else { return refused(.invalidRequiredAcks) }
        if InternalTopics.names.contains(topic) && request.clientID != "__admin_client" {
            return refused(.invalidTopicException, "Cannot append to internal topic \(topic)")
        }
        let partition: Partition
        switch led(TopicPartition(topic: topic, partition: data.index)) {
        case .failure(let error): return refused(error)
        case .success(let found): partition = found
        }
        if body.acks == -1 && partition.inSyncReplicaCount < partition.minimumInSyncReplicas {
            return refused(
                .notEnoughReplicas,
                "\(partition.inSyncReplicaCount) in-sync replicas, and min.insync.replicas asks for "
                    + "\(partition.minimumInSyncReplicas)")
        }
        guard case .inMemory(let batches)? = data.records, batches.readableBytes > 0 else {
            return refused(.invalidRecord, "the request holds no record batch for partition \(partition.name)")
        }
        switch append(batches, to: partition, origin: .client) {
        case nil: return refused(.kafkaStorageError)
        case .refused(let refusal): return refused(ErrorCode(rawValue: refusal.errorCode), refusal.description)
        case .appended(let range), .duplicate(let range):
            told.baseOffset = range.firstOffset
            told.logAppendTimeMs = range.logAppendTime
            told.logStartOffset = range.logStartOffset
            return told
        }
    }

    /// Appends batches of a client's or the broker's own to a partition that this broker leads, and commits them: there
    /// is nobody else to wait for. Where `flush.messages` or `flush.ms` ask for it they are on disk on return. nil when
    /// the disk failed.
    mutating func append(_ batches: ByteBuffer, to partition: Partition, origin: AppendOrigin) -> AppendOutcome? {
        let outcome = onLog { [now] () throws(LogFailure) in
            let outcome = try partition.log.append(
                batches, leaderEpoch: partition.leaderEpoch, origin: origin, at: now)
            if partition.log.isFlushDue(at: now) { try partition.log.flush(at: now) }
            return outcome
        }
        if case .appended = outcome {
            partition.log.advanceHighWatermark(to: partition.log.logEndOffset)
            parkedFetches.note(partition)
        }
        return outcome
    }
}
