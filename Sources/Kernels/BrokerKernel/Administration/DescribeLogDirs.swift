import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import Seams
import SegmentedLog

extension BrokerKernel {
    /// Tells the size of each log, by directory (KIP-113), and the room of its disk (KIP-827); of a directory that failed
    /// only that it did.
    mutating func describeLogDirs(_ request: Request, _ body: DescribeLogDirsRequest) {
        var wanted: Set<TopicPartition>?
        if let topics = body.topics {
            wanted = Set(
                topics.flatMap { topic in
                    topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) }
                })
        }
        var response = DescribeLogDirsResponse()
        guard permitsOnCluster(request, .describe) else {
            response.errorCode = ErrorCode.clusterAuthorizationFailed.rawValue
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        response.results = logStore.directories.map { described($0, wanted) }
        response.results += logStore.failures.map { failure in
            var told = DescribeLogDirsResponse.DescribeLogDirsResult()
            told.logDir = failure.path
            told.errorCode = ErrorCode.kafkaStorageError.rawValue
            return told
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// - Parameter wanted: nil for all partitions.
    private func described(
        _ directory: LogDirectory, _ wanted: Set<TopicPartition>?
    ) -> DescribeLogDirsResponse.DescribeLogDirsResult {
        var result = DescribeLogDirsResponse.DescribeLogDirsResult()
        result.logDir = directory.path
        do throws(FileSystemError) {
            if let room = try directory.room() {
                result.totalBytes = room.totalBytes
                result.usableBytes = room.usableBytes
            }
        } catch {
            result.errorCode = ErrorCode.kafkaStorageError.rawValue
            return result
        }
        let names = Set(directory.logs.keys).union(directory.futures.keys)
        for name in names.sorted() where partitions[name] != nil && wanted?.contains(name) ?? true {
            if result.topics.last?.name != name.topic {
                var topic = DescribeLogDirsResponse.DescribeLogDirsTopic()
                topic.name = name.topic
                result.topics.append(topic)
            }
            result.topics[result.topics.count - 1].partitions.append(described(name, in: directory))
        }
        return result
    }

    private func described(
        _ name: TopicPartition, in directory: LogDirectory
    ) -> DescribeLogDirsResponse.DescribeLogDirsPartition {
        var told = DescribeLogDirsResponse.DescribeLogDirsPartition()
        told.partitionIndex = name.partition
        if let log = directory.logs[name] {
            told.partitionSize = Int64(log.sizeInBytes)
            told.offsetLag = max(0, log.highWatermark - log.logEndOffset)
        } else if let copy = directory.futures[name]?.progress {
            told.partitionSize = Int64(copy.sizeInBytes)
            told.offsetLag = max(0, (partitions[name]?.log.logEndOffset ?? 0) - copy.logEndOffset)
            told.isFutureKey = true
        }
        return told
    }
}
