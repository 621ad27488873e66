import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Seams

/// One change of a setting (KIP-339), by its number on the wire.
private enum ConfigOperation: Int8 {
    case set = 0
    case delete = 1
    case append = 2
    case subtract = 3
}

/// What one resource of an alteration asks for.
private struct ConfigAlteration {
    var resourceType: Int8
    var resourceName: String
    /// What the topic's own settings become, worked out from what they are.
    var altered: ([String: String]) throws(AdminRefusal) -> [String: String]
}

extension BrokerKernel {
    /// Replaces all settings of topics.
    mutating func alterConfigs(_ request: Request, _ body: AlterConfigsRequest) {
        let alterations = body.resources.map { resource in
            ConfigAlteration(resourceType: resource.resourceType, resourceName: resource.resourceName) {
                _ throws(AdminRefusal) in
                var configs: [String: String] = [:]
                for config in resource.configs {
                    guard let value = config.value else {
                        throw AdminRefusal(.invalidRequest, "Null value not supported for : \(config.name)")
                    }
                    configs[config.name] = value
                }
                return configs
            }
        }
        alter(alterations, isValidation: body.validateOnly) { kernel, refusals in
            var response = AlterConfigsResponse()
            response.responses = zip(body.resources, refusals).map { resource, refusal in
                var told = AlterConfigsResponse.AlterConfigsResourceResponse()
                told.resourceType = resource.resourceType
                told.resourceName = resource.resourceName
                told.errorCode = refusal?.error.rawValue ?? 0
                told.errorMessage = refusal?.message
                return told
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    /// Changes single settings of topics (KIP-339).
    mutating func incrementalAlterConfigs(_ request: Request, _ body: IncrementalAlterConfigsRequest) {
        let alterations = body.resources.map { resource in
            ConfigAlteration(resourceType: resource.resourceType, resourceName: resource.resourceName) {
                present throws(AdminRefusal) in
                var configs = present
                for config in resource.configs { try Self.apply(config, to: &configs) }
                return configs
            }
        }
        alter(alterations, isValidation: body.validateOnly) { kernel, refusals in
            var response = IncrementalAlterConfigsResponse()
            response.responses = zip(body.resources, refusals).map { resource, refusal in
                var told = IncrementalAlterConfigsResponse.AlterConfigsResourceResponse()
                told.resourceType = resource.resourceType
                told.resourceName = resource.resourceName
                told.errorCode = refusal?.error.rawValue ?? 0
                told.errorMessage = refusal?.message
                return told
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private static func apply(
        _ config: IncrementalAlterConfigsRequest.AlterableConfig, to configs: inout [String: String]
    ) throws(AdminRefusal) {
        guard let operation = ConfigOperation(rawValue: config.configOperation) else {
            throw AdminRefusal(.invalidRequest, "Unknown operation \(config.configOperation) on \(config.name).")
        }
        guard let key = TopicConfigKey.named(config.name) else {
            throw AdminRefusal(.invalidConfig, "Unknown topic config name: \(config.name)")
        }
        if operation == .delete {
            configs[key.name] = nil
            return
        }
        guard let value = config.value else {
            throw AdminRefusal(.invalidRequest, "Null value not supported for : \(config.name)")
        }
        guard operation != .set else {
            configs[key.name] = value
            return
        }
        guard case .list = key.kind else {
            throw AdminRefusal(
                .invalidConfig,
                "Config value \(operation == .append ? "append" : "subtract") is not allowed for "
                    + "config key: \(key.name)")
        }
        var items = TopicConfigKey.items(configs[key.name] ?? key.defaultText)
        let named = TopicConfigKey.items(value)
        items.removeAll(where: named.contains)
        if operation == .append { items += named }
        configs[key.name] = items.joined(separator: ",")
    }

    /// Alters each resource, and goes on when the image shows all of it.
    private mutating func alter(
        _ alterations: [ConfigAlteration], isValidation: Bool,
        then finish: @escaping (inout BrokerKernel, [AdminRefusal?]) -> Void
    ) {
        let deadline = now + settings.imageTimeout
        gather(alterations) { (kernel, alteration, done: @escaping (inout BrokerKernel, AdminRefusal?) -> Void) in
            do throws(AdminRefusal) {
                let configs = try kernel.configs(after: alteration)
                guard !isValidation else { return done(&kernel, nil) }
                let name = alteration.resourceName
                kernel.change(.setTopicConfigs(name: name, configs: configs)) { kernel, outcome in
                    if let refusal = AdminRefusal(outcome) { return done(&kernel, refusal) }
                    kernel.whenImage(by: deadline) {
                        $0.image.topics[name]?.configs == configs
                    } then: { kernel, _ in
                        done(&kernel, nil)
                    }
                }
            } catch {
                done(&kernel, error)
            }
        } then: { kernel, refusals in
            finish(&kernel, refusals)
        }
    }

    private func configs(after alteration: ConfigAlteration) throws(AdminRefusal) -> [String: String] {
        guard ConfigResource(rawValue: alteration.resourceType) == .topic else {
            throw AdminRefusal(.invalidRequest, "Only settings of topics can be altered here.")
        }
        guard let topic = image.topics[alteration.resourceName] else {
            throw AdminRefusal(.unknownTopicOrPartition, "The topic '\(alteration.resourceName)' does not exist.")
        }
        let configs = try alteration.altered(topic.configs)
        try check(configs)
        return configs
    }
}
