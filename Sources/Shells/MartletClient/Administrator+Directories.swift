import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin

/// In which of a broker's data directories replicas lie (KIP-113).
extension Administrator {
    /// A replica in a data directory.
    package struct StoredReplica: Sendable, Equatable {
        package var sizeInBytes: Int64
        /// Whether it is a copy that is to take the place of the replica in another directory of the broker.
        package var isFuture: Bool
        /// By how many records it lacks the other's end.
        package var lag: Int64
    }

    /// The replicas in each data directory of a broker, by its path; nil for a directory that has failed.
    package func directories(of broker: BrokerID) async throws -> [String: [TopicPartition: StoredReplica]?] {
        var request = DescribeLogDirsRequest()
        request.topics = nil
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .broker(broker))
            var found: [String: [TopicPartition: StoredReplica]?] = [:]
            for directory in answer.results {
                guard directory.errorCode == 0 else {
                    found[directory.logDir] = .some(nil)
                    continue
                }
                var replicas: [TopicPartition: StoredReplica] = [:]
                for topic in directory.topics {
                    for told in topic.partitions {
                        let partition = TopicPartition(topic: topic.name, partition: told.partitionIndex)
                        replicas[partition] = StoredReplica(
                            sizeInBytes: told.partitionSize, isFuture: told.isFutureKey, lag: told.offsetLag)
                    }
                }
                found[directory.logDir] = replicas
            }
            return found
        }
    }

    /// Room on a disk, in bytes.
    package struct Room: Sendable, Hashable {
        package var total: Int64
        package var usable: Int64
    }

    /// The room of each data directory of a broker that works (KIP-827); brokers that do not tell it have none.
    package func room(of broker: BrokerID) async throws -> [Room] {
        var request = DescribeLogDirsRequest()
        // Nothing of any replica.
        request.topics = []
        return try await client.retrying { [request] in
            try await client.send(request, to: .broker(broker)).results
                .filter { $0.errorCode == 0 && $0.totalBytes >= 0 && $0.usableBytes >= 0 }
                .map { Room(total: $0.totalBytes, usable: $0.usableBytes) }
        }
    }

    /// Begins to move replicas on a broker to data directories, named by their paths. Returns why those were refused
    /// that were: one that is not on the broker yet begins in its directory when it comes.
    package func moveReplicas(
        on broker: BrokerID, to paths: [TopicPartition: String]
    ) async throws -> [TopicPartition: ErrorCode] {
        var request = AlterReplicaLogDirsRequest()
        for path in Set(paths.values).sorted() {
            var directory = AlterReplicaLogDirsRequest.AlterReplicaLogDir()
            directory.path = path
            for (partition, wanted) in paths.sorted(by: { $0.key < $1.key }) where wanted == path {
                if directory.topics.last?.name != partition.topic {
                    var topic = AlterReplicaLogDirsRequest.AlterReplicaLogDirTopic()
                    topic.name = partition.topic
                    directory.topics.append(topic)
                }
                directory.topics[directory.topics.count - 1].partitions.append(partition.partition)
            }
            request.dirs.append(directory)
        }
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .broker(broker))
            var refusals: [TopicPartition: ErrorCode] = [:]
            for topic in answer.results {
                for told in topic.partitions where told.errorCode != 0 {
                    let partition = TopicPartition(topic: topic.topicName, partition: told.partitionIndex)
                    refusals[partition] = ErrorCode(rawValue: told.errorCode)
                }
            }
            return refusals
        }
    }
}
