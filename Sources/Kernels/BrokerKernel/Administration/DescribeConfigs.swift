import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Security

/// What a configuration belongs to, by its number on the wire.
enum ConfigResource: Int8 {
    case topic = 2
    case broker = 4
    case brokerLogger = 8
    case clientMetrics = 16
}

/// Where the value of a setting comes from, by its number on the wire.
enum ConfigSource: Int8 {
    case topic = 1
    /// Of one broker, set while it ran.
    case dynamicBroker = 2
    /// Of all brokers, set while they ran.
    case dynamicDefaultBroker = 3
    case staticBroker = 4
    case defaultValue = 5
}

extension BrokerKernel {
    mutating func describeConfigs(_ request: Request, _ body: DescribeConfigsRequest) {
        var response = DescribeConfigsResponse()
        response.results = body.resources.map { resource in
            var result = DescribeConfigsResponse.DescribeConfigsResult()
            result.resourceType = resource.resourceType
            result.resourceName = resource.resourceName
            result.errorMessage = nil
            do throws(AdminRefusal) {
                try checkPermission(
                    request, .describeConfigs, on: resource.resourceType, resource.resourceName)
                var configs = try configs(of: resource)
                if let keys = resource.configurationKeys { configs.removeAll { !keys.contains($0.name) } }
                if !body.includeSynonyms {
                    for place in configs.indices { configs[place].synonyms = [] }
                }
                result.configs = configs
            } catch {
                result.errorCode = error.error.rawValue
                result.errorMessage = error.message
            }
            return result
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// Sees that the sender may do that with the configuration of a resource. What is no resource is not refused here.
    mutating func checkPermission(
        _ request: Request, _ operation: AccessOperation, on resourceType: Int8, _ name: String
    ) throws(AdminRefusal) {
        switch ConfigResource(rawValue: resourceType) {
        case .topic:
            guard permits(request, operation, .topic, name) else { throw .unauthorizedOnTopic }
        case .broker, .brokerLogger, .clientMetrics:
            guard permitsOnCluster(request, operation) else { throw .unauthorizedOnCluster }
        case nil: break
        }
    }

    private func configs(
        of resource: DescribeConfigsRequest.DescribeConfigsResource
    ) throws(AdminRefusal) -> [DescribeConfigsResponse.DescribeConfigsResourceResult] {
        switch ConfigResource(rawValue: resource.resourceType) {
        case .topic:
            let name = resource.resourceName
            if let objection = TopicNames.objection(to: name) { throw AdminRefusal(.invalidTopicException, objection) }
            guard let topic = image.topics[name] else {
                throw AdminRefusal(.unknownTopicOrPartition, "There is no topic '\(name)'.")
            }
            return TopicConfigs(own: topic.configs, broker: brokerValues).described
        case .broker:
            guard resource.resourceName == "\(settings.brokerID)" || resource.resourceName.isEmpty else {
                throw AdminRefusal(
                    .invalidRequest,
                    "Unexpected broker id, expected \(settings.brokerID) or empty string, but received "
                        + resource.resourceName)
            }
            guard resource.resourceName.isEmpty else { return brokerConfigs(brokerValues) }
            // The settings of all brokers together are those that were set while they ran.
            return brokerConfigs(BrokerValues(configured: [:], ofAllBrokers: image.defaultBrokerConfigs)).filter {
                $0.configSource == ConfigSource.dynamicDefaultBroker.rawValue
            }
        case .brokerLogger, .clientMetrics, nil:
            throw AdminRefusal(
                .invalidRequest, "Resources of type \(resource.resourceType) have no configuration here.")
        }
    }
}

extension TopicConfigs {
    typealias Described = DescribeConfigsResponse.DescribeConfigsResourceResult

    /// Every setting of a topic, with all places where a value for it stands.
    fileprivate var described: [Described] {
        let ofMirroring = MirrorStanding.keys.compactMap { name in
            own[name].map { Described(mirrorSetting: name, $0) }
        }
        return ofMirroring
            + TopicConfigKey.all.map { key in
                var described = Described()
                let values = values(of: key)
                described.name = key.name
                described.value = values[0].text
                described.configSource = values[0].source.rawValue
                described.isDefault = values[0].source != .topic
                described.configType = key.kind.wireType
                described.documentation = nil
                described.synonyms = values.map { value in
                    var synonym = DescribeConfigsResponse.DescribeConfigsSynonym()
                    synonym.name = value.key
                    synonym.value = value.text
                    synonym.source = value.source.rawValue
                    return synonym
                }
                return described
            }
    }
}

extension DescribeConfigsResponse.DescribeConfigsResourceResult {
    /// Shown, and not to be altered.
    fileprivate init(mirrorSetting name: String, _ value: String) {
        self.init()
        self.name = name
        self.value = value
        readOnly = true
        configSource = ConfigSource.topic.rawValue
        configType = TopicConfigKey.Kind.text.wireType
        documentation = nil
        var synonym = DescribeConfigsResponse.DescribeConfigsSynonym()
        synonym.name = name
        synonym.value = value
        synonym.source = ConfigSource.topic.rawValue
        synonyms = [synonym]
    }
}

extension BrokerKernel {
    /// Every setting of the broker, and those besides that were set while it ran.
    private func brokerConfigs(_ values: BrokerValues) -> [DescribeConfigsResponse.DescribeConfigsResourceResult] {
        let known = Set(settings.brokerConfigs.map(\.name))
        let others = Set(values.layers.prefix(2).flatMap(\.values.keys)).subtracting(known).map { name in
            BrokerConfig(
                name: name, value: nil, isSet: false,
                // Nobody knows what is in a setting that nobody knows.
                isSensitive: DynamicBrokerKeys.named(name) == nil, wireType: 2)
        }
        return (settings.brokerConfigs + others).sorted { $0.name < $1.name }.map { $0.described(values) }
    }
}

extension BrokerConfig {
    fileprivate func described(_ values: BrokerValues) -> DescribeConfigsResponse.DescribeConfigsResourceResult {
        var standing = values.values(of: name)
        if isSet, !standing.contains(where: { $0.source == .staticBroker }), let value {
            standing.append((value, .staticBroker))
        }
        if let text = defaultValue ?? (isSet ? nil : value) { standing.append((text, .defaultValue)) }
        var described = DescribeConfigsResponse.DescribeConfigsResourceResult()
        described.name = name
        described.value = isSensitive ? nil : standing.first?.text ?? value
        described.readOnly = DynamicBrokerKeys.named(name) == nil
        described.configSource = (standing.first?.source ?? .defaultValue).rawValue
        described.isDefault = described.configSource == ConfigSource.defaultValue.rawValue
        described.isSensitive = isSensitive
        described.configType = wireType
        described.documentation = nil
        described.synonyms = standing.map { value in
            var synonym = DescribeConfigsResponse.DescribeConfigsSynonym()
            synonym.name = name
            synonym.value = isSensitive ? nil : value.text
            synonym.source = value.source.rawValue
            return synonym
        }
        return described
    }
}

extension TopicConfigKey.Kind {
    /// The type by its number on the wire.
    fileprivate var wireType: Int8 {
        switch self {
        case .boolean: 1
        case .text, .choice, .link: 2
        case .int: 3
        case .long: 5
        case .double: 6
        case .list, .replicas: 7
        }
    }
}
