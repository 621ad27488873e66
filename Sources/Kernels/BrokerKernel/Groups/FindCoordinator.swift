import ClusterModel
import Controller
import Groups
import KafkaProtocol

extension BrokerKernel {
    /// What a producer with a `transactional.id` is told, which Apache's client shows.
    private static let noTransactions =
        "This cluster has no transactions. Idempotent producers work: leave out transactional.id."

    /// Which broker coordinates groups; the first who asks brings `__consumer_offsets` about.
    mutating func findCoordinator(_ request: Request, _ body: FindCoordinatorRequest) {
        let keys = request.version >= 4 ? body.coordinatorKeys : [body.key]
        let topic = InternalTopics.committedOffsets
        let refusals = keys.map { permission(request, toFind: $0, keyType: body.keyType) }
        if body.keyType == 0, image.topics[topic] == nil, refusals.contains(nil) {
            createAutomatically([topic]) { kernel, refused in
                for (topic, error) in refused {
                    kernel.perform(.report("\(topic), which groups need, cannot be made: \(error)"))
                }
                kernel.answerFindCoordinator(request, keys, refusals, keyType: body.keyType)
            }
        } else {
            answerFindCoordinator(request, keys, refusals, keyType: body.keyType)
        }
    }

    /// Why somebody is not told of a coordinator; nil when it may be.
    private mutating func permission(_ request: Request, toFind key: String, keyType: Int8) -> ErrorCode? {
        switch keyType {
        case 0: permits(request, .describe, .group, key) ? nil : .groupAuthorizationFailed
        case 1: permits(request, .describe, .transactionalID, key) ? nil : .transactionalIdAuthorizationFailed
        default: nil
        }
    }

    private mutating func answerFindCoordinator(
        _ request: Request, _ keys: [String], _ refusals: [ErrorCode?], keyType: Int8
    ) {
        var response = FindCoordinatorResponse()
        let found = zip(keys, refusals).map { key, refusal in
            var found = FindCoordinatorResponse.Coordinator()
            found.key = key
            switch refusal.map({ .failure($0) })
                ?? coordinator(of: key, keyType: keyType, listener: request.origin.listener)
            {
            case .success((let broker, let endpoint)):
                found.nodeId = broker.value
                found.host = endpoint.host
                found.port = endpoint.port
            case .failure(let error):
                found.nodeId = -1
                found.port = -1
                found.errorCode = error.rawValue
                found.errorMessage = keyType == 1 && refusal == nil ? Self.noTransactions : "\(error)"
            }
            return found
        }
        if request.version >= 4 {
            response.coordinators = found
        } else if let one = found.first {
            response.errorCode = one.errorCode
            response.errorMessage = one.errorMessage
            response.nodeId = one.nodeId
            response.host = one.host
            response.port = one.port
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    private func coordinator(
        of key: String, keyType: Int8, listener: String
    ) -> Result<(BrokerID, BrokerEndpoint), ErrorCode> {
        // No error that a client would try again after: of transactions it would for a minute, and then not say why.
        guard keyType == 0 else { return .failure(.invalidRequest) }
        guard let topic = image.topics[InternalTopics.committedOffsets], !topic.partitions.isEmpty else {
            return .failure(.coordinatorNotAvailable)
        }
        let index = GroupPlacement.partition(of: key, among: Int32(topic.partitions.count))
        guard let leader = topic.partitions[Int(index)].leader,
            let endpoint = image.brokers[leader]?.endpoint(ofListener: listener)
        else { return .failure(.coordinatorNotAvailable) }
        return .success((leader, endpoint))
    }
}
