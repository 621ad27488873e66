import ClusterModel
import KafkaProtocol

extension BrokerKernel {
    /// Where an epoch ended in this leader's log, so that its asker can find where the two logs part (KIP-101, KIP-320).
    mutating func offsetForLeaderEpoch(_ request: Request, _ body: OffsetForLeaderEpochRequest) {
        var response = OffsetForLeaderEpochResponse()
        // Old versions do not say who asks: librdkafka's consumers. A mirror asks as one who looks into it (-2), for what
        // stands in this log.
        let isConsumer = request.version < 3 || body.replicaId == -1
        let forbidden =
            permitsOnCluster(request, .clusterAction, tellsDenial: false)
            ? [] : forbidden(request, .describe, body.topics.lazy.map(\.topic))
        response.topics = body.topics.map { topic in
            var told = OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult()
            told.topic = topic.topic
            told.partitions = topic.partitions.map { wanted in
                var one = OffsetForLeaderEpochResponse.EpochEndOffset()
                one.partition = wanted.partition
                guard !forbidden.contains(topic.topic) else {
                    one.errorCode = ErrorCode.topicAuthorizationFailed.rawValue
                    return one
                }
                switch led(
                    TopicPartition(topic: topic.topic, partition: wanted.partition),
                    leaderEpoch: wanted.currentLeaderEpoch)
                {
                case .failure(let error): one.errorCode = error.rawValue
                case .success(let partition):
                    let end =
                        isConsumer
                        ? partition.endForConsumers(of: wanted.leaderEpoch) : partition.log.end(of: wanted.leaderEpoch)
                    one.leaderEpoch = end.epoch
                    one.endOffset = end.endOffset
                }
                return one
            }
            return told
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }
}
