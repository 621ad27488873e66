import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Seams

/// Which leaders are wanted, by the number on the wire (KIP-460).
private enum ElectionType: Int8 {
    case preferred = 0
    case unclean = 1
}

extension BrokerKernel {
    /// Has partitions led by their first replicas, or by any that lives where nobody leads, and answers when they are
    /// led or the request's time is up. Asked for all partitions, it tells only of those that needed an election.
    mutating func electLeaders(_ request: Request, _ body: ElectLeadersRequest) {
        let deadline = now + .milliseconds(Int64(max(0, body.timeoutMs)))
        let wanted = body.topicPartitions.map(Self.partitions) ?? image.allPartitions
        guard let type = ElectionType(rawValue: body.electionType) else {
            return perform(
                .close(request.ticket.connection, reason: "there is no election of type \(body.electionType)"))
        }
        guard permitsOnCluster(request, .alter) else {
            let named = body.topicPartitions == nil ? [] : wanted
            return tellElected(
                named.map { ($0, .unauthorizedOnCluster) }, leavingOutNeedless: false, to: request,
                error: .clusterAuthorizationFailed)
        }
        let epochs = wanted.map { image.partition($0)?.leaderEpoch ?? -1 }
        gatherRefusals(of: wanted) { kernel, id, done throws(AdminRefusal) in
            try kernel.checkElection(of: id, type)
            kernel.change(.electLeader(id, isUnclean: type == .unclean)) { done(&$0, AdminRefusal($1)) }
        } then: { kernel, refusals in
            let elected = zip(zip(wanted, epochs), refusals).filter { $0.1 == nil }.map(\.0)
            kernel.whenImage(by: deadline) { kernel in
                elected.allSatisfy { kernel.image.partition($0.0)?.leaderEpoch ?? .max > $0.1 }
            } then: { kernel, isSeen in
                let unseen = AdminRefusal.timedOut("A leader is elected, and does not lead yet.")
                let results = zip(wanted, refusals).map { id, refusal in
                    (id, refusal ?? (isSeen ? nil : unseen))
                }
                kernel.tellElected(results, leavingOutNeedless: body.topicPartitions == nil, to: request)
            }
        }
    }

    private static func partitions(_ topics: [ElectLeadersRequest.TopicPartitions]) -> [TopicPartition] {
        topics.flatMap { topic in topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) } }
    }

    private func checkElection(of id: TopicPartition, _ type: ElectionType) throws(AdminRefusal) {
        try checkIsController()
        let partition = try partitionToChange(id)
        do throws(ChangeRefusal) {
            _ = try partition.election(of: id, isUnclean: type == .unclean, in: image)
        } catch {
            throw AdminRefusal(error)
        }
    }

    private mutating func tellElected(
        _ results: [(TopicPartition, AdminRefusal?)], leavingOutNeedless: Bool, to request: Request,
        error: ErrorCode = .none
    ) {
        var response = ElectLeadersResponse()
        response.errorCode = error.rawValue
        for (id, refusal) in results {
            if leavingOutNeedless, let refusal, refusal.error == .electionNotNeeded { continue }
            if response.replicaElectionResults.last?.topic != id.topic {
                var topic = ElectLeadersResponse.ReplicaElectionResult()
                topic.topic = id.topic
                response.replicaElectionResults.append(topic)
            }
            var told = ElectLeadersResponse.PartitionResult()
            told.partitionId = id.partition
            told.errorCode = refusal?.error.rawValue ?? 0
            told.errorMessage = refusal?.message
            response.replicaElectionResults[response.replicaElectionResults.count - 1].partitionResult.append(told)
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }
}

extension BrokerKernel {
    /// Only the controller answers some requests: clients ask Metadata who that is.
    func checkIsController() throws(AdminRefusal) {
        guard image.controllerID == settings.brokerID else {
            throw AdminRefusal(.notController, "This is not the correct controller for this cluster.")
        }
    }

    /// The partition, which must be there and stay there.
    func partitionToChange(_ id: TopicPartition) throws(AdminRefusal) -> PartitionImage {
        if image.topicsBeingDeleted.contains(id.topic) {
            throw AdminRefusal(.unknownTopicOrPartition, "The topic is being deleted.")
        }
        guard let partition = image.partition(id) else {
            throw AdminRefusal(.unknownTopicOrPartition, "The partition does not exist.")
        }
        return partition
    }
}

extension AdminRefusal {
    init(_ refusal: ChangeRefusal) {
        self.init(ErrorCode(rawValue: refusal.reason.rawValue), refusal.message)
    }
}

extension ClusterImage {
    /// Every partition, sorted.
    var allPartitions: [TopicPartition] {
        topics.keys.sorted().flatMap { name in
            (0..<(topics[name]?.partitions.count ?? 0)).map { TopicPartition(topic: name, partition: Int32($0)) }
        }
    }
}
