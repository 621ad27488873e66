import ClusterModel
import KafkaProtocol
import KafkaProtocolTransactions

extension BrokerKernel {
    /// Tells which producers wrote to partitions that this broker leads (KIP-664).
    mutating func describeProducers(_ request: Request, _ body: DescribeProducersRequest) {
        var response = DescribeProducersResponse()
        let forbidden = forbidden(request, .read, body.topics.lazy.map(\.name))
        response.topics = body.topics.map { topic in
            var told = DescribeProducersResponse.TopicResponse()
            told.name = topic.name
            told.partitions = topic.partitionIndexes.map { index in
                guard !forbidden.contains(topic.name) else {
                    var refused = DescribeProducersResponse.PartitionResponse()
                    refused.partitionIndex = index
                    refused.errorCode = ErrorCode.topicAuthorizationFailed.rawValue
                    return refused
                }
                return described(TopicPartition(topic: topic.name, partition: index))
            }
            return told
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    private func described(_ name: TopicPartition) -> DescribeProducersResponse.PartitionResponse {
        var told = DescribeProducersResponse.PartitionResponse()
        told.partitionIndex = name.partition
        switch led(name) {
        case .failure(let error): told.errorCode = error.rawValue
        case .success(let partition):
            told.activeProducers = partition.log.activeProducers.map { producerID, entry in
                var producer = DescribeProducersResponse.ProducerState()
                producer.producerId = producerID
                producer.producerEpoch = Int32(entry.epoch)
                producer.lastSequence = entry.lastSequence
                producer.lastTimestamp = entry.lastTimestamp
                producer.coordinatorEpoch = entry.coordinatorEpoch
                producer.currentTxnStartOffset = entry.transactionFirstOffset ?? -1
                return producer
            }
        }
        return told
    }
}
