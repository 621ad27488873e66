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
    /// What its own settings become, worked out from what they are.
    var altered: ([String: String], AlteredEntity) throws(AdminRefusal) -> [String: String]
}

extension BrokerKernel {
    /// Replaces all settings of topics, or all that were set of brokers while they ran; but where a topic's home is is
    /// no matter of its settings.
    mutating func alterConfigs(_ request: Request, _ body: AlterConfigsRequest) {
        let alterations = body.resources.map { resource in
            ConfigAlteration(resourceType: resource.resourceType, resourceName: resource.resourceName) {
                (present, _) throws(AdminRefusal) in
                var configs = present.filter { MirrorStanding.keys.contains($0.key) }
                for config in resource.configs {
                    guard let value = config.value else {
                        throw AdminRefusal(.invalidRequest, "Null value not supported for : \(config.name)")
                    }
                    configs[config.name] = value
                }
                return configs
            }
        }
        alter(request, alterations, isValidation: body.validateOnly) { kernel, refusals in
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

    /// Changes single settings of topics and brokers (KIP-339).
    mutating func incrementalAlterConfigs(_ request: Request, _ body: IncrementalAlterConfigsRequest) {
        let alterations = body.resources.map { resource in
            ConfigAlteration(resourceType: resource.resourceType, resourceName: resource.resourceName) {
                (present, entity) throws(AdminRefusal) in
                var configs = present
                for config in resource.configs { try Self.apply(config, to: &configs, of: entity) }
                return configs
            }
        }
        alter(request, alterations, isValidation: body.validateOnly) { kernel, refusals in
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
        _ config: IncrementalAlterConfigsRequest.AlterableConfig, to configs: inout [String: String],
        of entity: AlteredEntity
    ) throws(AdminRefusal) {
        guard let operation = ConfigOperation(rawValue: config.configOperation) else {
            throw AdminRefusal(.invalidRequest, "Unknown operation \(config.configOperation) on \(config.name).")
        }
        if operation == .delete, entity.takesBack(config.name) {
            configs[config.name] = nil
            return
        }
        let key = try entity.key(config.name)
        guard let value = config.value else {
            throw AdminRefusal(.invalidRequest, "Null value not supported for : \(config.name)")
        }
        guard operation != .set else {
            configs[key.name] = value
            return
        }
        guard key.isList else {
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
        _ request: Request, _ alterations: [ConfigAlteration], isValidation: Bool,
        then finish: @escaping (inout BrokerKernel, [AdminRefusal?]) -> Void
    ) {
        let deadline = now + settings.imageTimeout
        gatherRefusals(of: alterations) { kernel, alteration, done throws(AdminRefusal) in
            try kernel.checkPermission(request, .alterConfigs, on: alteration.resourceType, alteration.resourceName)
            kernel.alter(alteration, isValidation: isValidation, by: deadline, then: done)
        } then: { kernel, refusals in
            finish(&kernel, refusals)
        }
    }

    /// Where somebody else alters the same at the same time, the later one begins again on what the earlier one has
    /// made of it.
    private mutating func alter(
        _ alteration: ConfigAlteration, isValidation: Bool, by deadline: Instant,
        then done: @escaping (inout BrokerKernel, AdminRefusal?) -> Void
    ) {
        do throws(AdminRefusal) {
            let (entity, present, configs) = try self.configs(after: alteration)
            guard !isValidation else { return done(&self, nil) }
            change(entity.change(from: present, to: configs)) { kernel, outcome in
                guard let refusal = AdminRefusal(outcome) else {
                    return kernel.whenImage(by: deadline) {
                        entity.configs(in: $0.image) == configs
                    } then: { kernel, _ in
                        done(&kernel, nil)
                    }
                }
                guard refusal.error == .invalidUpdateVersion else { return done(&kernel, refusal) }
                kernel.whenImage(by: deadline) {
                    entity.configs(in: $0.image) != present
                } then: { kernel, hasChanged in
                    guard hasChanged else { return done(&kernel, refusal) }
                    kernel.alter(alteration, isValidation: false, by: deadline, then: done)
                }
            }
        } catch {
            done(&self, error)
        }
    }

    private func configs(
        after alteration: ConfigAlteration
    ) throws(AdminRefusal) -> (AlteredEntity, present: [String: String], altered: [String: String]) {
        let entity = try AlteredEntity(alteration.resourceType, alteration.resourceName, on: settings.brokerID)
        guard let present = entity.configs(in: image) else {
            throw AdminRefusal(.unknownTopicOrPartition, "The topic '\(alteration.resourceName)' does not exist.")
        }
        let configs = try alteration.altered(present, entity)
        for (name, value) in configs.sorted(by: { $0.key < $1.key }) where present[name] != value {
            if let objection = try entity.key(name).objection(to: value) { throw entity.refusal(of: objection) }
        }
        return (entity, present, configs)
    }
}
