import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Seams

extension BrokerKernel {
    /// Begins, changes and cancels moves of partitions (KIP-455), and answers when the image shows them begun.
    mutating func alterPartitionReassignments(_ request: Request, _ body: AlterPartitionReassignmentsRequest) {
        do throws(AdminRefusal) {
            guard permitsOnCluster(request, .alter) else { throw .unauthorizedOnCluster }
            try checkIsController()
        } catch {
            var response = AlterPartitionReassignmentsResponse()
            response.errorCode = error.error.rawValue
            response.errorMessage = error.message
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        let deadline = now + .milliseconds(Int64(max(0, body.timeoutMs)))
        gather(body.topics) { (kernel, topic, done: @escaping (inout BrokerKernel, [AdminRefusal?]) -> Void) in
            kernel.move(topic, by: deadline, then: done)
        } then: { kernel, refusals in
            var response = AlterPartitionReassignmentsResponse()
            for (topic, refusals) in zip(body.topics, refusals) {
                var told = AlterPartitionReassignmentsResponse.ReassignableTopicResponse()
                told.name = topic.name
                told.partitions = zip(topic.partitions, refusals).map { partition, refusal in
                    var one = AlterPartitionReassignmentsResponse.ReassignablePartitionResponse()
                    one.partitionIndex = partition.partitionIndex
                    one.errorCode = refusal?.error.rawValue ?? 0
                    one.errorMessage = refusal?.message
                    return one
                }
                response.responses.append(told)
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    /// Moves those partitions of a topic that can be; the others are refused, each for itself.
    private mutating func move(
        _ topic: AlterPartitionReassignmentsRequest.ReassignableTopic, by deadline: Instant,
        then done: @escaping (inout BrokerKernel, [AdminRefusal?]) -> Void
    ) {
        var targets: [Int32: [BrokerID]?] = [:]
        var refusals: [AdminRefusal?] = []
        for wanted in topic.partitions {
            let target = wanted.replicas?.map { BrokerID($0) }
            do throws(AdminRefusal) {
                guard !targets.keys.contains(wanted.partitionIndex) else {
                    throw AdminRefusal(.invalidRequest, "Partition \(wanted.partitionIndex) is named twice.")
                }
                try checkMove(of: TopicPartition(topic: topic.name, partition: wanted.partitionIndex), to: target)
                targets.updateValue(target, forKey: wanted.partitionIndex)
                refusals.append(nil)
            } catch {
                refusals.append(error)
            }
        }
        guard !targets.isEmpty else { return done(&self, refusals) }
        let (name, version) = (topic.name, image.topics[topic.name]?.nodeVersion ?? -1)
        change(.reassign(topic: name, targets: targets)) { kernel, outcome in
            if let refusal = AdminRefusal(outcome) { return done(&kernel, refusals.map { $0 ?? refusal }) }
            kernel.whenImage(by: deadline) {
                $0.image.topics[name]?.nodeVersion ?? .max > version
            } then: { kernel, _ in
                done(&kernel, refusals)
            }
        }
    }

    private func checkMove(of id: TopicPartition, to target: [BrokerID]?) throws(AdminRefusal) {
        let partition = try partitionToChange(id)
        do throws(ChangeRefusal) {
            _ = try partition.redirected(to: target, in: image)
        } catch {
            throw AdminRefusal(error)
        }
    }

    /// Tells which partitions move: of those asked for, or of all.
    mutating func listPartitionReassignments(_ request: Request, _ body: ListPartitionReassignmentsRequest) {
        var response = ListPartitionReassignmentsResponse()
        do throws(AdminRefusal) {
            guard permitsOnCluster(request, .describe) else { throw .unauthorizedOnCluster }
            try checkIsController()
            let wanted =
                body.topics.map { topics in
                    topics.flatMap { topic in
                        topic.partitionIndexes.map { TopicPartition(topic: topic.name, partition: $0) }
                    }
                } ?? image.allPartitions
            response.topics = moves(of: wanted)
        } catch {
            response.errorCode = error.error.rawValue
            response.errorMessage = error.message
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    private func moves(of wanted: [TopicPartition]) -> [ListPartitionReassignmentsResponse.OngoingTopicReassignment] {
        var topics: [ListPartitionReassignmentsResponse.OngoingTopicReassignment] = []
        for id in wanted {
            guard let assignment = image.partition(id)?.assignment, assignment.isMoving else { continue }
            if topics.last?.name != id.topic {
                var topic = ListPartitionReassignmentsResponse.OngoingTopicReassignment()
                topic.name = id.topic
                topics.append(topic)
            }
            var told = ListPartitionReassignmentsResponse.OngoingPartitionReassignment()
            told.partitionIndex = id.partition
            told.replicas = assignment.replicas.map(\.value)
            told.addingReplicas = assignment.adding.map(\.value)
            told.removingReplicas = assignment.removing.map(\.value)
            topics[topics.count - 1].partitions.append(told)
        }
        return topics
    }
}
