import ClusterModel
import Controller
import KafkaProtocol

extension BrokerKernel {
    mutating func metadata(_ request: Request, _ body: MetadataRequest) {
        if request.version < 10, body.topics?.contains(where: { $0.name == nil }) ?? false {
            return perform(.close(request.ticket.connection, reason: "a metadata request names no topic"))
        }
        let missing = (body.topics ?? []).compactMap(\.name).filter { image.topics[$0] == nil }
        let mayCreate = settings.createsTopicsAutomatically && (request.version < 4 || body.allowAutoTopicCreation)
        if mayCreate && !missing.isEmpty {
            createAutomatically(missing) { kernel, _ in kernel.answerMetadata(request, body) }
        } else {
            answerMetadata(request, body)
        }
    }

    private mutating func answerMetadata(_ request: Request, _ body: MetadataRequest) {
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
                if let name = wanted.name { return described(topic: name) }
                return described(topicID: wanted.topicId)
            }
        } else {
            response.topics = image.topics.keys.sorted().map { described(topic: $0) }
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
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
