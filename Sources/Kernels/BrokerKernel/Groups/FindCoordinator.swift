import ClusterModel
import Controller
import Groups
import KafkaProtocol

extension BrokerKernel {
    /// Which broker coordinates groups; the first who asks brings `__consumer_offsets` about.
    mutating func findCoordinator(_ request: Request, _ body: FindCoordinatorRequest) {
        let keys = request.version >= 4 ? body.coordinatorKeys : [body.key]
        let topic = InternalTopics.committedOffsets
        if body.keyType == 0, image.topics[topic] == nil {
            createAutomatically([topic]) { kernel, refused in
                for (topic, error) in refused {
                    kernel.perform(.report("\(topic), which groups need, cannot be made: \(error)"))
                }
                kernel.answerFindCoordinator(request, keys, keyType: body.keyType)
            }
        } else {
            answerFindCoordinator(request, keys, keyType: body.keyType)
        }
    }

    private mutating func answerFindCoordinator(_ request: Request, _ keys: [String], keyType: Int8) {
        var response = FindCoordinatorResponse()
        let found = keys.map { key in
            var found = FindCoordinatorResponse.Coordinator()
            found.key = key
            switch coordinator(of: key, keyType: keyType, listener: request.origin.listener) {
            case .success((let broker, let endpoint)):
                found.nodeId = broker.value
                found.host = endpoint.host
                found.port = endpoint.port
            case .failure(let error):
                found.nodeId = -1
                found.port = -1
                found.errorCode = error.rawValue
                found.errorMessage = "\(error)"
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
        // Transactions have no coordinator here yet.
        guard keyType == 0 else { return .failure(keyType == 1 ? .coordinatorNotAvailable : .invalidRequest) }
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
