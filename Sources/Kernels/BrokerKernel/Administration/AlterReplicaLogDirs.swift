import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin

extension BrokerKernel {
    /// Begins to move replicas between this broker's data directories (KIP-113); `DescribeLogDirs` tells how far they
    /// are. One that is not on this broker yet is refused, and begins in that directory when it comes.
    mutating func alterReplicaLogDirs(_ request: Request, _ body: AlterReplicaLogDirsRequest) {
        var paths: [TopicPartition: String] = [:]
        for directory in body.dirs {
            for topic in directory.topics {
                for partition in topic.partitions {
                    paths[TopicPartition(topic: topic.name, partition: partition)] = directory.path
                }
            }
        }
        var response = AlterReplicaLogDirsResponse()
        let isPermitted = permitsOnCluster(request, .alter)
        for (name, path) in paths.sorted(by: { $0.key < $1.key }) {
            if response.results.last?.topicName != name.topic {
                var topic = AlterReplicaLogDirsResponse.AlterReplicaLogDirTopicResult()
                topic.topicName = name.topic
                response.results.append(topic)
            }
            var told = AlterReplicaLogDirsResponse.AlterReplicaLogDirPartitionResult()
            told.partitionIndex = name.partition
            told.errorCode = (isPermitted ? move(name, to: path) : .clusterAuthorizationFailed).rawValue
            response.results[response.results.count - 1].partitions.append(told)
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }
}
