import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import SegmentedLog

extension BrokerKernel {
    mutating func deleteRecords(_ request: Request, _ body: DeleteRecordsRequest) {
        var response = DeleteRecordsResponse()
        for topic in body.topics {
            var told = DeleteRecordsResponse.DeleteRecordsTopicResult()
            told.name = topic.name
            for wanted in topic.partitions {
                var one = DeleteRecordsResponse.DeleteRecordsPartitionResult()
                one.partitionIndex = wanted.partitionIndex
                switch delete(
                    before: wanted.offset, in: TopicPartition(topic: topic.name, partition: one.partitionIndex))
                {
                case .success(let lowWatermark): one.lowWatermark = lowWatermark
                case .failure(let error):
                    one.lowWatermark = -1
                    one.errorCode = error.rawValue
                }
                told.partitions.append(one)
            }
            response.topics.append(told)
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// Moves a partition's start to `offset` (-1: its high watermark); what lies before it is gone for readers at once
    /// and from the disk later.
    private mutating func delete(before offset: Offset, in name: TopicPartition) -> Result<Offset, ErrorCode> {
        switch led(name) {
        case .failure(let error): return .failure(error)
        case .success(let partition):
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
            return .success(partition.log.logStartOffset)
        }
    }
}
