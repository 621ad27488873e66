import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin

/// Where partitions live and who leads them.
extension Administrator {
    /// A partition on its way to other brokers (KIP-455).
    package struct Move: Sendable, Equatable {
        package var partition: TopicPartition
        package var replicas: [BrokerID]
        package var adding: [BrokerID]
        package var removing: [BrokerID]
    }

    /// How a leader is chosen; raw values are the protocol's.
    package enum Election: Int8, Sendable {
        case preferred = 0
        case unclean = 1
    }

    /// Begins moves of partitions to replicas; nil cancels the one under way. Returns why those were refused that were.
    package func move(
        _ targets: [TopicPartition: [BrokerID]?]
    ) async throws -> [TopicPartition: ClientFault] {
        var request = AlterPartitionReassignmentsRequest()
        request.timeoutMs = Self.timeoutInMilliseconds
        for (partition, replicas) in targets.sorted(by: { $0.key < $1.key }) {
            if request.topics.last?.name != partition.topic {
                var topic = AlterPartitionReassignmentsRequest.ReassignableTopic()
                topic.name = partition.topic
                request.topics.append(topic)
            }
            var entry = AlterPartitionReassignmentsRequest.ReassignablePartition()
            entry.partitionIndex = partition.partition
            entry.replicas = replicas?.map(\.value)
            request.topics[request.topics.count - 1].partitions.append(entry)
        }
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .controller)
            try ClientFault.check(answer.errorCode, "the moves", answer.errorMessage)
            var refusals: [TopicPartition: ClientFault] = [:]
            for topic in answer.responses {
                for told in topic.partitions {
                    let partition = TopicPartition(topic: topic.name, partition: told.partitionIndex)
                    do throws(ClientFault) {
                        try ClientFault.check(told.errorCode, "\(partition)", told.errorMessage)
                    } catch {
                        refusals[partition] = error
                    }
                }
            }
            return refusals
        }
    }

    /// All moves under way, sorted.
    package func moves() async throws -> [Move] {
        var request = ListPartitionReassignmentsRequest()
        request.topics = nil
        request.timeoutMs = Self.timeoutInMilliseconds
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .controller)
            try ClientFault.check(answer.errorCode, "the moves", answer.errorMessage)
            let moves = answer.topics.flatMap { topic in
                topic.partitions.map { told in
                    Move(
                        partition: TopicPartition(topic: topic.name, partition: told.partitionIndex),
                        replicas: told.replicas.map { BrokerID($0) }, adding: told.addingReplicas.map { BrokerID($0) },
                        removing: told.removingReplicas.map { BrokerID($0) })
                }
            }
            return moves.sorted { $0.partition < $1.partition }
        }
    }

    /// Has leaders elected for partitions, or for all (nil). Returns for each, sorted, why there was none elected; nil
    /// where there was.
    package func electLeaders(
        _ election: Election, of partitions: [TopicPartition]?
    ) async throws -> [(partition: TopicPartition, refusal: ClientFault?)] {
        var request = ElectLeadersRequest()
        request.electionType = election.rawValue
        request.timeoutMs = Self.timeoutInMilliseconds
        request.topicPartitions = partitions.map { partitions in
            Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }.map { name, partitions in
                var topic = ElectLeadersRequest.TopicPartitions()
                topic.topic = name
                topic.partitions = partitions.map(\.partition).sorted()
                return topic
            }
        }
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .controller)
            try ClientFault.check(answer.errorCode, "the elections")
            var results: [(partition: TopicPartition, refusal: ClientFault?)] = []
            for topic in answer.replicaElectionResults {
                for told in topic.partitionResult {
                    let partition = TopicPartition(topic: topic.topic, partition: told.partitionId)
                    // Whoever is controller no more says so of each partition; the next one is asked then.
                    if told.errorCode == ErrorCode.notController.rawValue {
                        try ClientFault.check(told.errorCode, "\(partition)", told.errorMessage)
                    }
                    do throws(ClientFault) {
                        try ClientFault.check(told.errorCode, "\(partition)", told.errorMessage)
                        results.append((partition, nil))
                    } catch {
                        results.append((partition, error))
                    }
                }
            }
            return results.sorted { $0.partition < $1.partition }
        }
    }
}
