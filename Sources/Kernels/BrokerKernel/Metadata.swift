import ClusterModel
import Controller
import KafkaProtocol

extension BrokerKernel {
    mutating func metadata(_ request: Request, _ body: MetadataRequest) {
        var body = body
        for place in body.topics?.indices ?? 0..<0 where body.topics?[place].topicId != .zero {
            // Apache's client writes an empty name beside an id (KIP-516): the id tells.
            body.topics?[place].name = nil
        }
        if request.version < 10, body.topics?.contains(where: { $0.name == nil }) ?? false {
            return perform(.close(request.ticket.connection, reason: "a metadata request names no topic"))
        }
        var refused = RefusedTopics()
        let isOfAll = body.topics == nil || request.version == 0 && body.topics?.isEmpty ?? true
        if !isOfAll {
            let names = (body.topics ?? []).lazy.compactMap { [image] in $0.name ?? image.topicName(of: $0.topicId) }
            refused.hidden = forbidden(request, .describe, names)
        }
        var missing = (body.topics ?? []).compactMap(\.name)
            .filter { image.topics[$0] == nil && !refused.hidden.contains($0) }
        let mayCreate = settings.createsTopicsAutomatically && (request.version < 4 || body.allowAutoTopicCreation)
        if mayCreate && !missing.isEmpty {
            if !permitsOnCluster(request, .create, tellsDenial: false) {
                refused.notCreated = forbidden(request, .create, missing)
                missing.removeAll { refused.notCreated.contains($0) }
            }
            createAutomatically(missing) { [body, refused] kernel, _ in kernel.answerMetadata(request, body, refused) }
        } else {
            answerMetadata(request, body, refused)
        }
    }

    /// Named topics of which nothing is told but that: by the rules of access.
    private struct RefusedTopics {
        /// Nobody says whether there are such topics.
        var hidden: Set<String> = []
        var notCreated: Set<String> = []

        func contains(_ name: String) -> Bool { hidden.contains(name) || notCreated.contains(name) }
    }

    private mutating func answerMetadata(
        _ request: Request, _ body: MetadataRequest, _ refused: RefusedTopics
    ) {
        var response = MetadataResponse()
        response.clusterId = settings.clusterID
        response.controllerId = image.controllerID?.value ?? -1
        for (id, broker) in image.brokers.sorted(by: { $0.key < $1.key }) {
            guard let endpoint = broker.endpoint(ofListener: request.origin.listener) else { continue }
            var told = MetadataResponse.MetadataResponseBroker()
            told.nodeId = id.value
            told.host = endpoint.host
            told.port = endpoint.port
            told.rack = broker.rack
            response.brokers.append(told)
        }
        if let topics = body.topics, !(request.version == 0 && topics.isEmpty) {
            response.topics = topics.map { wanted in
                if let name = wanted.name {
                    return refused.contains(name) ? Self.refused(name, .zero) : described(topic: name)
                }
                guard let name = image.topicName(of: wanted.topicId), refused.contains(name) else {
                    return described(topicID: wanted.topicId)
                }
                return Self.refused(nil, wanted.topicId)
            }
        } else {
            let names = image.topics.keys.sorted()
            let hidden = forbidden(request, .describe, names, tellsDenial: false)
            response.topics = names.filter { !hidden.contains($0) }.map { described(topic: $0) }
        }
        tellPermittedOperations(request, body, in: &response)
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    private mutating func tellPermittedOperations(
        _ request: Request, _ body: MetadataRequest, in response: inout MetadataResponse
    ) {
        if (8...10).contains(request.version), body.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = permittedOperationsOnCluster(request)
        }
        guard request.version >= 8, body.includeTopicAuthorizedOperations else { return }
        for place in response.topics.indices {
            let told = response.topics[place]
            guard let name = told.name, told.errorCode != ErrorCode.topicAuthorizationFailed.rawValue else { continue }
            response.topics[place].topicAuthorizedOperations = permittedOperations(request, .topic, name)
        }
    }

    private static func refused(_ name: String?, _ id: KafkaUUID) -> MetadataResponse.MetadataResponseTopic {
        var told = MetadataResponse.MetadataResponseTopic()
        told.errorCode = ErrorCode.topicAuthorizationFailed.rawValue
        told.name = name
        told.topicId = id
        return told
    }

    private func described(topicID id: KafkaUUID) -> MetadataResponse.MetadataResponseTopic {
        if let name = image.topicName(of: id) { return described(topic: name) }
        var told = MetadataResponse.MetadataResponseTopic()
        told.errorCode = ErrorCode.unknownTopicId.rawValue
        told.name = nil
        told.topicId = id
        return told
    }

    private func described(topic name: String) -> MetadataResponse.MetadataResponseTopic {
        var told = MetadataResponse.MetadataResponseTopic()
        told.name = name
        guard let topic = image.topics[name] else {
            let isValid = TopicNames.objection(to: name) == nil
            told.errorCode = (isValid ? ErrorCode.unknownTopicOrPartition : .invalidTopicException).rawValue
            return told
        }
        told.topicId = topic.id
        told.isInternal = InternalTopics.names.contains(name)
        told.partitions = topic.partitions.enumerated().map { index, partition in
            var one = MetadataResponse.MetadataResponsePartition()
            one.partitionIndex = Int32(index)
            one.leaderId = partition.leader?.value ?? -1
            one.leaderEpoch = partition.leaderEpoch
            one.errorCode = (partition.leader == nil ? ErrorCode.leaderNotAvailable : .none).rawValue
            one.replicaNodes = partition.replicas.map(\.value)
            one.isrNodes = partition.isr.map(\.value)
            let id = TopicPartition(topic: name, partition: Int32(index))
            one.offlineReplicas = partition.replicas.filter { image.isOffline(id, on: $0) }.map(\.value)
            return one
        }
        return told
    }
}
