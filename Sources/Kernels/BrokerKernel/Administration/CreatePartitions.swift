import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Seams

extension BrokerKernel {
    /// Gives topics more partitions, and answers when each is led or the request's time is up.
    mutating func createPartitions(_ request: Request, _ body: CreatePartitionsRequest) {
        let deadline = now + .milliseconds(Int64(max(0, body.timeoutMs)))
        let counts = Dictionary(body.topics.map { ($0.name, 1) }, uniquingKeysWith: +)
        var forbidden: Set<String> = []
        if image.controllerID == settings.brokerID {
            forbidden = self.forbidden(request, .alter, body.topics.lazy.map(\.name))
        }
        gatherRefusals(of: body.topics) { [forbidden] kernel, topic, done throws(AdminRefusal) in
            if counts[topic.name, default: 0] > 1 {
                throw AdminRefusal(.invalidRequest, "Topic '\(topic.name)' is named twice.")
            }
            try kernel.checkIsController()
            guard !forbidden.contains(topic.name) else {
                throw AdminRefusal(.topicAuthorizationFailed, "The topic authorization is failed.")
            }
            let change = try kernel.growth(of: topic)
            guard !body.validateOnly else { return done(&kernel, nil) }
            kernel.change(change) { kernel, outcome in
                if let refusal = AdminRefusal(outcome) { return done(&kernel, refusal) }
                kernel.whenImage(by: deadline) { kernel in
                    kernel.image.topics[topic.name].map { $0.partitions.count >= topic.count } ?? false
                        && kernel.hasLeaders(topic.name)
                } then: { kernel, isThere in
                    done(&kernel, isThere ? nil : .timedOut("The partitions are made, and not led yet."))
                }
            }
        } then: { kernel, refusals in
            var response = CreatePartitionsResponse()
            response.results = zip(body.topics, refusals).map { topic, refusal in
                var result = CreatePartitionsResponse.CreatePartitionsTopicResult()
                result.name = topic.name
                result.errorCode = refusal?.error.rawValue ?? 0
                result.errorMessage = refusal?.message
                return result
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private mutating func growth(
        of wanted: CreatePartitionsRequest.CreatePartitionsTopic
    ) throws(AdminRefusal) -> TreeChange {
        guard let topic = image.topics[wanted.name] else {
            throw AdminRefusal(.unknownTopicOrPartition, "The topic '\(wanted.name)' does not exist.")
        }
        guard MirrorStanding(topic.configs).state == .ordinary else {
            throw AdminRefusal(.invalidRequest, "The topic '\(wanted.name)' gets its partitions from its home cluster.")
        }
        guard !topic.partitions.contains(where: \.assignment.isMoving) else {
            throw AdminRefusal(
                .reassignmentInProgress, "A partition reassignment is in progress for the topic '\(wanted.name)'.")
        }
        let existing = topic.partitions.count
        let added = Int(wanted.count) - existing
        guard added != 0 else {
            throw AdminRefusal(.invalidPartitions, "Topic already has \(existing) partitions.")
        }
        guard added > 0 else {
            throw AdminRefusal(
                .invalidPartitions,
                "Topic currently has \(existing) partitions, which is higher than the requested \(wanted.count).")
        }
        let replicaCount = topic.partitions.first?.replicas.count ?? 1
        guard let assignments = wanted.assignments else {
            let assignment = try placed(partitions: added, replicas: replicaCount, after: topic.partitions)
            return .createPartitions(name: wanted.name, existing: existing, assignment: assignment)
        }
        let assignment = assignments.map { $0.brokerIds.map { BrokerID($0) } }
        guard assignment.count == added else {
            throw AdminRefusal(
                .invalidReplicaAssignment,
                "Increasing the number of partitions by \(added) but \(assignment.count) assignments provided.")
        }
        try check(assignment)
        guard assignment[0].count == replicaCount else {
            throw AdminRefusal(
                .invalidReplicaAssignment,
                "The topic's replication factor is \(replicaCount), the assignment's is \(assignment[0].count).")
        }
        return .createPartitions(name: wanted.name, existing: existing, assignment: assignment)
    }
}
