import ClusterModel
import Controller
import KafkaProtocol

extension BrokerKernel {
    /// How many partitions one answer tells of; clients ask on with the cursor.
    private static let mostPartitionsInAnswer = 2000

    /// Tells of partitions in order of topics, a page at a time (KIP-966).
    mutating func describeTopicPartitions(_ request: Request, _ body: DescribeTopicPartitionsRequest) {
        if let cursor = body.cursor, cursor.partitionIndex < 0 {
            return perform(
                .close(request.ticket.connection, reason: "a cursor stands at partition \(cursor.partitionIndex)"))
        }
        var response = DescribeTopicPartitionsResponse()
        var room = min(max(1, Int(body.responsePartitionLimit)), Self.mostPartitionsInAnswer)
        let isOfAll = body.topics.isEmpty
        var names = isOfAll ? image.topics.keys.sorted() : Set(body.topics.map(\.name)).sorted()
        let forbidden = forbidden(request, .describe, names, tellsDenial: !isOfAll)
        names.removeAll { forbidden.contains($0) }
        for name in names where name >= body.cursor?.topicName ?? "" {
            let first = body.cursor?.topicName == name ? Int(body.cursor?.partitionIndex ?? 0) : 0
            guard room > 0 else {
                response.nextCursor = Self.cursor(name, 0)
                break
            }
            var (topic, next) = described(name, from: first, atMost: room)
            topic.topicAuthorizedOperations = permittedOperations(request, .topic, name)
            response.topics.append(topic)
            room -= topic.partitions.count
            if let next {
                response.nextCursor = Self.cursor(name, next)
                break
            }
        }
        if !isOfAll {
            response.topics += forbidden.sorted().map { name in
                var told = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic()
                told.name = name
                told.errorCode = ErrorCode.topicAuthorizationFailed.rawValue
                return told
            }
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    private static func cursor(_ topic: String, _ partition: Int) -> DescribeTopicPartitionsResponse.Cursor {
        var cursor = DescribeTopicPartitionsResponse.Cursor()
        cursor.topicName = topic
        cursor.partitionIndex = Int32(partition)
        return cursor
    }

    /// The topic with `atMost` partitions from `first` on, and the one that comes next; nil when these were all.
    private func described(
        _ name: String, from first: Int, atMost: Int
    ) -> (DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic, next: Int?) {
        var told = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic()
        told.name = name
        guard let topic = image.topics[name] else {
            let isValid = TopicNames.objection(to: name) == nil
            told.errorCode = (isValid ? ErrorCode.unknownTopicOrPartition : .invalidTopicException).rawValue
            return (told, nil)
        }
        told.topicId = topic.id
        told.isInternal = InternalTopics.names.contains(name)
        let page = topic.partitions.enumerated().dropFirst(first).prefix(atMost)
        told.partitions = page.map { index, partition in
            described(partition, TopicPartition(topic: name, partition: Int32(index)))
        }
        let next = first + page.count
        return (told, next < topic.partitions.count ? next : nil)
    }

    private func described(
        _ partition: PartitionImage, _ id: TopicPartition
    ) -> DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition {
        var told = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition()
        told.partitionIndex = id.partition
        told.leaderId = partition.leader?.value ?? -1
        told.leaderEpoch = partition.leaderEpoch
        told.errorCode = (partition.leader == nil ? ErrorCode.leaderNotAvailable : .none).rawValue
        told.replicaNodes = partition.replicas.map(\.value)
        told.isrNodes = partition.isr.map(\.value)
        // Leaders come from the in-sync set alone. Null would say that nobody knows, which Apache's client takes for a fault.
        told.eligibleLeaderReplicas = []
        told.lastKnownElr = []
        told.offlineReplicas = partition.replicas.filter { image.isOffline(id, on: $0) }.map(\.value)
        return told
    }
}
