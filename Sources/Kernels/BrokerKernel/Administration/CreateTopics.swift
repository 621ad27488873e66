import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Seams

extension BrokerKernel {
    /// Makes topics, and answers when each has leaders or the request's time is up.
    mutating func createTopics(_ request: Request, _ body: CreateTopicsRequest) {
        let deadline = now + .milliseconds(Int64(max(0, body.timeoutMs)))
        let counts = Dictionary(body.topics.map { ($0.name, 1) }, uniquingKeysWith: +)
        let names = body.topics.lazy.map(\.name)
        var (forbidden, hidden): (Set<String>, Set<String>) = ([], [])
        if image.controllerID == settings.brokerID {
            if !permitsOnCluster(request, .create, tellsDenial: false) {
                forbidden = self.forbidden(request, .create, names)
            }
            hidden = self.forbidden(request, .describeConfigs, names, tellsDenial: false)
        }
        gatherRefusals(of: body.topics) { [forbidden] kernel, topic, done throws(AdminRefusal) in
            if counts[topic.name, default: 0] > 1 {
                throw AdminRefusal(.invalidRequest, "Topic '\(topic.name)' is named twice.")
            }
            try kernel.checkIsController()
            guard !forbidden.contains(topic.name) else {
                throw AdminRefusal(.topicAuthorizationFailed, "Authorization failed.")
            }
            let change = try kernel.creation(of: try NewTopic(topic))
            guard !body.validateOnly else { return done(&kernel, nil) }
            kernel.change(change) { kernel, outcome in
                if let refusal = AdminRefusal(outcome) { return done(&kernel, refusal) }
                kernel.whenImage(by: deadline) {
                    $0.hasLeaders(topic.name)
                } then: { kernel, isThere in
                    done(&kernel, isThere ? nil : .timedOut("Topic '\(topic.name)' is made, and not led yet."))
                }
            }
        } then: { [hidden] kernel, refusals in
            var response = CreateTopicsResponse()
            response.topics = zip(body.topics, refusals).map { topic, refusal in
                var told = kernel.told(topic, refusal, isValidation: body.validateOnly)
                if refusal == nil, hidden.contains(topic.name) { told.hideConfigs() }
                return told
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private func told(
        _ topic: CreateTopicsRequest.CreatableTopic, _ refusal: AdminRefusal?, isValidation: Bool
    ) -> CreateTopicsResponse.CreatableTopicResult {
        var told = CreateTopicsResponse.CreatableTopicResult()
        told.name = topic.name
        told.errorCode = refusal?.error.rawValue ?? 0
        told.errorMessage = refusal?.message
        guard refusal == nil else {
            told.configs = nil
            return told
        }
        var own = Dictionary(topic.configs.map { ($0.name, $0.value ?? "") }) { $1 }
        if let made = image.topics[topic.name], !isValidation {
            told.topicId = made.id
            told.numPartitions = Int32(made.partitions.count)
            told.replicationFactor = Int16(made.partitions.first?.replicas.count ?? 0)
            own = made.configs
        } else if !topic.assignments.isEmpty {
            told.numPartitions = Int32(topic.assignments.count)
            told.replicationFactor = Int16(topic.assignments[0].brokerIds.count)
        } else {
            told.numPartitions = topic.numPartitions == -1 ? settings.defaultPartitionCount : topic.numPartitions
            told.replicationFactor =
                topic.replicationFactor == -1 ? settings.defaultReplicationFactor : topic.replicationFactor
        }
        let configs = TopicConfigs(own: own, broker: brokerValues)
        told.configs = TopicConfigKey.all.map { key in
            var config = CreateTopicsResponse.CreatableTopicConfigs()
            config.name = key.name
            config.value = configs.text(key)
            config.configSource = configs.source(of: key).rawValue
            return config
        }
        return told
    }
}

extension CreateTopicsResponse.CreatableTopicResult {
    /// For who made a topic and may not see how topics are set.
    fileprivate mutating func hideConfigs() {
        topicConfigErrorCode = ErrorCode.topicAuthorizationFailed.rawValue
        configs = nil
        numPartitions = -1
        replicationFactor = -1
    }
}

extension NewTopic {
    /// What a client asked for; contradictions in it are refused.
    fileprivate init(_ topic: CreateTopicsRequest.CreatableTopic) throws(AdminRefusal) {
        self.init(name: topic.name)
        if topic.assignments.isEmpty {
            placement = .counts(partitions: topic.numPartitions, replicas: topic.replicationFactor)
        } else {
            guard topic.numPartitions == -1, topic.replicationFactor == -1 else {
                throw AdminRefusal(
                    .invalidRequest,
                    "Both numPartitions or replicationFactor and replicasAssignments were set. "
                        + "Both cannot be used at the same time.")
            }
            let sorted = topic.assignments.sorted { $0.partitionIndex < $1.partitionIndex }
            guard sorted.map(\.partitionIndex) == Array(0..<Int32(sorted.count)) else {
                throw AdminRefusal(
                    .invalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
            }
            placement = .assigned(sorted.map { $0.brokerIds.map { BrokerID($0) } })
        }
        for config in topic.configs {
            guard let value = config.value else {
                throw AdminRefusal(.invalidConfig, "Null value not supported for topic configs: \(config.name)")
            }
            guard configs.updateValue(value, forKey: config.name) == nil else {
                throw AdminRefusal(.invalidConfig, "Topic config \(config.name) is set twice.")
            }
        }
    }
}
