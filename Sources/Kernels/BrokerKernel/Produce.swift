import ClusterModel
import KafkaProtocol
import NIOCore
import Records
import SegmentedLog
import WireCoding

/// What became of one partition of a produce request.
private struct ProduceFinding {
    var told = ProduceResponse.PartitionProduceResponse()
    /// Where it was appended, and the offset after its last record; nil when it was refused.
    var appended: (Partition, end: Offset)?

    init(of data: ProduceRequest.PartitionProduceData) {
        told.index = data.index
        told.baseOffset = -1
    }

    init(of data: ProduceRequest.PartitionProduceData, refused error: ErrorCode) {
        self.init(of: data)
        told.errorCode = error.rawValue
    }
}

extension BrokerKernel {
    mutating func produce(_ request: Request, _ body: ProduceRequest) {
        var response = ProduceResponse()
        response.responses.reserveCapacity(body.topicData.count)
        var hasFailed = false
        var waits: [UncommittedAppend] = []
        let mayBeTransactional = mayProduceTransactionally(request, body)
        for topic in body.topicData {
            var told = ProduceResponse.TopicProduceResponse()
            told.name = topic.name
            told.partitionResponses.reserveCapacity(topic.partitionData.count)
            let refusal: ErrorCode? =
                !mayBeTransactional
                ? .transactionalIdAuthorizationFailed
                : permits(request, .write, .topic, topic.name, count: topic.partitionData.count)
                    ? nil : .topicAuthorizationFailed
            for data in topic.partitionData {
                let finding =
                    refusal.map { ProduceFinding(of: data, refused: $0) } ?? append(data, of: topic.name, request, body)
                hasFailed = hasFailed || finding.told.errorCode != 0
                if body.acks == -1, let (partition, end) = finding.appended, partition.answeredEnd < end {
                    let place = AppendPlace(topic: response.responses.count, partition: told.partitionResponses.count)
                    waits.append(UncommittedAppend(place: place, partition: partition, end: end))
                }
                told.partitionResponses.append(finding.told)
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
            answerWhenCommitted(request, .produce(response), timeoutInMilliseconds: body.timeoutMs, waits)
        }
    }

    /// Whether the sender may write in transactions of the id that it names, if it writes in any.
    private mutating func mayProduceTransactionally(_ request: Request, _ body: ProduceRequest) -> Bool {
        guard settings.access != nil else { return true }
        let isTransactional = body.topicData.contains { topic in
            topic.partitionData.contains { data in
                guard case .inMemory(let batches)? = data.records else { return false }
                return Self.isTransactional(batches)
            }
        }
        guard isTransactional else { return true }
        guard let id = body.transactionalId else { return false }
        return permits(request, .write, .transactionalID, id)
    }

    private mutating func append(
        _ data: ProduceRequest.PartitionProduceData, of topic: String, _ request: Request, _ body: ProduceRequest
    ) -> ProduceFinding {
        var finding = ProduceFinding(of: data)
        func refused(_ error: ErrorCode, _ message: String? = nil) -> ProduceFinding {
            finding.told.errorCode = error.rawValue
            finding.told.errorMessage = message
            return finding
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
        if let objection = partition.standing.objectionToWriting(topic) {
            return refused(.invalidRequest, objection)
        }
        if let objection = leaseObjection(to: partition) { return refused(.notEnoughReplicas, objection) }
        if body.acks == -1, let leader = partition.leadership, leader.isUnderMinimum {
            return refused(
                .notEnoughReplicas,
                "\(leader.term.inSync.count) in-sync replicas, and min.insync.replicas asks for "
                    + "\(leader.effectiveMinimumInSync)")
        }
        guard case .inMemory(let batches)? = data.records, batches.readableBytes > 0 else {
            return refused(.invalidRecord, "the request holds no record batch for partition \(partition.name)")
        }
        if request.version >= 3, let objection = Self.objection(toForm: batches, version: request.version) {
            return refused(.invalidRecord, objection)
        }
        switch append(batches, to: partition, origin: .client) {
        case nil: return refused(.kafkaStorageError)
        case .refused(let refusal):
            finding.told.recordErrors = refusal.recordErrors.map { place, message in
                var error = ProduceResponse.BatchIndexAndErrorMessage()
                error.batchIndex = Int32(clamping: place)
                error.batchIndexErrorMessage = message
                return error
            }
            return refused(ErrorCode(rawValue: refusal.errorCode), refusal.description)
        case .appended(let range), .duplicate(let range):
            finding.told.baseOffset = range.firstOffset
            finding.told.logAppendTimeMs = range.logAppendTime
            finding.told.logStartOffset = range.logStartOffset
            finding.appended = (partition, range.lastOffset + 1)
            return finding
        }
    }

    private static func isTransactional(_ batches: ByteBuffer) -> Bool {
        let start = batches.readerIndex
        guard batches.getInteger(at: start + 16, as: Int8.self) == 2,
            let bits = batches.getInteger(at: start + 21, as: UInt16.self)
        else { return false }
        return BatchAttributes(bits: bits).isTransactional
    }

    /// Why a request of version 3 or later must not hold these batches: each partition has exactly one, of magic 2.
    /// Bytes that are no batch at all are not objected to here.
    private static func objection(toForm batches: ByteBuffer, version: Int16) -> String? {
        let only = "Produce requests with version \(version) are only allowed to contain"
        if FormatConversion.isOld(batches) { return "\(only) record batches with magic version 2" }
        let smallest = RecordBatchHeader.sizeInBytes - RecordBatchHeader.overheadInBytes
        guard let length = batches.getInteger(at: batches.readerIndex + 8, as: Int32.self).map(Int.init),
            length >= smallest, batches.readableBytes >= 2 * RecordBatchHeader.overheadInBytes + length
        else { return nil }
        return "\(only) exactly one record batch per partition"
    }

    /// Appends batches of a client's or the broker's own to a partition that this broker leads. Where `flush.messages`
    /// or `flush.ms` ask for it they are on disk on return. nil when the disk failed.
    mutating func append(_ batches: ByteBuffer, to partition: Partition, origin: AppendOrigin) -> AppendOutcome? {
        let outcome = onLog { [now, inspector] () throws(LogFailure) in
            let outcome = try partition.log.append(
                batches, leaderEpoch: partition.leaderEpoch, origin: origin, inspector: inspector, at: now)
            if partition.log.isFlushDue(at: now) { try partition.log.flush(at: now) }
            return outcome
        }
        if case .appended = outcome {
            parkedFetches.note(partition)
            upkeep.note(partition)
            step(partition, .appended(end: partition.log.logEndOffset))
        }
        return outcome
    }
}
