import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import Replication
import Seams
import SegmentedLog

extension BrokerKernel {
    /// Tells how this broker sees partitions that it leads, of mirror topics and others.
    mutating func mirrorDescribe(_ request: Request, _ body: MirrorDescribeRequest) {
        var response = MirrorDescribeResponse()
        let isPermitted = permitsOnCluster(request, .clusterAction)
        response.topics = body.topics.map { topic in
            var told = MirrorDescribeResponse.DescribedTopicResult()
            told.name = topic.name
            guard isPermitted else {
                told.partitions = topic.partitions.map { index in
                    var refused = MirrorDescribeResponse.DescribedPartitionResult()
                    refused.index = index
                    refused.errorCode = ErrorCode.clusterAuthorizationFailed.rawValue
                    return refused
                }
                return told
            }
            if let image = image.topics[topic.name] {
                let standing = MirrorStanding(image.configs)
                told.topicId = image.id
                told.linkName = standing.link
                told.sourceClusterId = standing.sourceClusterID
            }
            told.partitions = topic.partitions.map { index in
                described(TopicPartition(topic: topic.name, partition: index))
            }
            return told
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    private func described(_ name: TopicPartition) -> MirrorDescribeResponse.DescribedPartitionResult {
        var told = MirrorDescribeResponse.DescribedPartitionResult()
        told.index = name.partition
        switch led(name) {
        case .failure(let error): told.errorCode = error.rawValue
        case .success(let partition):
            let log = partition.log
            told.state = partition.standing.state.rawValue
            told.homeEpoch = partition.standing.homeEpoch
            told.leaderEpoch = partition.leaderEpoch
            told.logStartOffset = log.logStartOffset
            told.lastStableOffset = log.lastStableOffset
            told.highWatermark = log.highWatermark
            told.logEndOffset = log.logEndOffset
            told.maxTimestamp = log.maxTimestamp
            told.sizeInBytes = Int64(log.sizeInBytes)
            told.cutOffset = partition.cuts.last?.offset ?? -1
            told.synchrony = partition.synchrony.rawValue
            told.confirmedOffset = partition.synchronousLink?.confirmed ?? -1
            told.leaseMs = partition.lease?.remaining(at: now).milliseconds ?? -1
            told.isSettled = partition.leadership?.isSettled ?? false
            told.openTransactions = log.openTransactions.map { MirrorDescribeResponse.OpenTransaction($0) }
        }
        return told
    }
}

extension MirrorDescribeResponse.OpenTransaction {
    fileprivate init(_ open: (producerID: ProducerID, entry: ProducerEntry, firstOffset: Offset)) {
        self.init()
        producerId = open.producerID
        producerEpoch = open.entry.epoch
        coordinatorEpoch = open.entry.coordinatorEpoch
        firstOffset = open.firstOffset
    }
}
