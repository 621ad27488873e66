import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin

extension BrokerKernel {
    /// Tells the size of each log, by directory (KIP-113).
    mutating func describeLogDirs(_ request: Request, _ body: DescribeLogDirsRequest) {
        var wanted: Set<TopicPartition>?
        if let topics = body.topics {
            wanted = Set(
                topics.flatMap { topic in
                    topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) }
                })
        }
        var directory = DescribeLogDirsResponse.DescribeLogDirsResult()
        directory.logDir = self.directory.path
        for name in partitions.keys.sorted() where wanted?.contains(name) ?? true {
            guard let log = partitions[name]?.log else { continue }
            if directory.topics.last?.name != name.topic {
                var topic = DescribeLogDirsResponse.DescribeLogDirsTopic()
                topic.name = name.topic
                directory.topics.append(topic)
            }
            var told = DescribeLogDirsResponse.DescribeLogDirsPartition()
            told.partitionIndex = name.partition
            told.partitionSize = Int64(log.sizeInBytes)
            told.offsetLag = max(0, log.highWatermark - log.logEndOffset)
            directory.topics[directory.topics.count - 1].partitions.append(told)
        }
        var response = DescribeLogDirsResponse()
        response.results = [directory]
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }
}
