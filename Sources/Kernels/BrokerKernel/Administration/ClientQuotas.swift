import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Seams
import Security

/// How a component of a filter matches names, by its number on the wire.
private enum QuotaMatch: Int8 {
    case exact = 0
    case defaultName = 1
    case any = 2
}

extension BrokerKernel {
    /// Tells the quotas of those whom the filter matches.
    mutating func describeClientQuotas(_ request: Request, _ body: DescribeClientQuotasRequest) {
        var response = DescribeClientQuotasResponse()
        response.errorMessage = nil
        do throws(AdminRefusal) {
            guard permitsOnCluster(request, .describeConfigs) else { throw .unauthorizedOnCluster }
            let filter = try Self.filter(body.components)
            response.entries = image.entityConfigs.sorted { $0.key < $1.key }.compactMap { path, configs in
                guard let entity = QuotaEntity(path: path), Self.matches(filter, entity, strictly: body.strict) else {
                    return nil
                }
                return Self.entry(entity, configs)
            }
        } catch {
            response.errorCode = error.error.rawValue
            response.errorMessage = error.message
            response.entries = nil
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    private typealias QuotaFilter = [QuotaEntity.Kind: (match: QuotaMatch, name: String?)]

    private static func filter(
        _ components: [DescribeClientQuotasRequest.ComponentData]
    ) throws(AdminRefusal) -> QuotaFilter {
        var filter: QuotaFilter = [:]
        for component in components {
            guard let kind = QuotaEntity.Kind(rawValue: component.entityType) else {
                throw component.entityType.isEmpty
                    ? AdminRefusal(.invalidRequest, "Unexpected empty filter component entity type")
                    : AdminRefusal(
                        .unsupportedVersion, "Custom entity type '\(component.entityType)' not supported")
            }
            guard let match = QuotaMatch(rawValue: component.matchType) else {
                throw AdminRefusal(.invalidRequest, "Unexpected match type: \(component.matchType)")
            }
            guard filter.updateValue((match, component.match), forKey: kind) == nil else {
                throw AdminRefusal(
                    .invalidRequest, "Duplicate \(component.entityType) filter component entity type")
            }
        }
        if filter[.address] != nil, filter.count > 1 {
            throw AdminRefusal(
                .invalidRequest,
                "Invalid entity filter component combination, IP filter component should not be used with "
                    + "user or clientId filter component.")
        }
        return filter
    }

    private static func matches(_ filter: QuotaFilter, _ entity: QuotaEntity, strictly: Bool) -> Bool {
        QuotaEntity.Kind.allCases.allSatisfy { kind in
            switch (filter[kind], entity.names[kind]) {
            case (nil, let name): name == nil || !strictly
            case (_, nil): false
            case (let wanted?, let name?):
                switch wanted.match {
                case .exact: name == wanted.name
                case .defaultName: name == nil
                case .any: true
                }
            }
        }
    }

    /// nil for one without quotas: users have other things stored in the same place.
    private static func entry(
        _ entity: QuotaEntity, _ configs: [String: String]
    ) -> DescribeClientQuotasResponse.EntryData? {
        var entry = DescribeClientQuotasResponse.EntryData()
        for (key, text) in configs.sorted(by: { $0.key < $1.key }) {
            guard entity.keys[key] != nil, let number = Double(text) else { continue }
            var value = DescribeClientQuotasResponse.ValueData()
            value.key = key
            value.value = number
            entry.values.append(value)
        }
        guard !entry.values.isEmpty else { return nil }
        for kind in QuotaEntity.Kind.allCases {
            guard let name = entity.names[kind] else { continue }
            var data = DescribeClientQuotasResponse.EntityData()
            data.entityType = kind.rawValue
            data.entityName = name
            entry.entity.append(data)
        }
        return entry
    }

    /// Changes quotas, and answers when the image shows them.
    mutating func alterClientQuotas(_ request: Request, _ body: AlterClientQuotasRequest) {
        let deadline = now + settings.imageTimeout
        let isPermitted = permitsOnCluster(request, .alterConfigs)
        gatherRefusals(of: body.entries) { kernel, entry, done throws(AdminRefusal) in
            guard isPermitted else { throw .unauthorizedOnCluster }
            let (entity, path) = try Self.altered(entry)
            kernel.alterEntity(path, by: deadline, isValidation: body.validateOnly) { present throws(AdminRefusal) in
                try Self.quotas(of: entity, after: entry.ops, from: present)
            } then: { kernel, refusal in
                done(&kernel, refusal)
            }
        } then: { kernel, refusals in
            var response = AlterClientQuotasResponse()
            response.entries = zip(body.entries, refusals).map { entry, refusal in
                var told = AlterClientQuotasResponse.EntryData()
                told.errorCode = refusal?.error.rawValue ?? 0
                told.errorMessage = refusal?.message
                told.entity = entry.entity.map { entity in
                    var data = AlterClientQuotasResponse.EntityData()
                    data.entityType = entity.entityType
                    data.entityName = entity.entityName
                    return data
                }
                return told
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    /// Whose quotas an entry is about, and where they stand in the tree.
    private static func altered(
        _ entry: AlterClientQuotasRequest.EntryData
    ) throws(AdminRefusal) -> (QuotaEntity, path: String) {
        let entity = try entity(entry.entity)
        guard let path = entity.path else {
            throw AdminRefusal(
                .invalidRequest,
                entity.names[.address] == nil
                    ? "Invalid client quota entity"
                    : "Invalid quota entity combination, IP entity should not be combined with User or ClientId")
        }
        return (entity, path)
    }

    /// What is set for an entity becomes this.
    private static func quotas(
        of entity: QuotaEntity, after operations: [AlterClientQuotasRequest.OpData], from present: [String: String]
    ) throws(AdminRefusal) -> [String: String] {
        var configs = present
        for operation in operations {
            // Users' credentials stand beside their quotas, and are none.
            let isQuota = entity.keys[operation.key] != nil
            guard isQuota || operation.remove && SCRAMMechanism(name: operation.key) == nil else {
                throw AdminRefusal(.invalidRequest, "Invalid configuration key \(operation.key)")
            }
            guard !operation.remove else {
                configs[operation.key] = nil
                continue
            }
            guard operation.value.isFinite, operation.value > 0 else {
                throw AdminRefusal(.invalidRequest, "Quota \(operation.key) must be greater than 0")
            }
            guard entity.keys[operation.key] == .whole else {
                configs[operation.key] = "\(operation.value)"
                continue
            }
            // Clients send whole numbers as floating-point ones.
            let value = operation.value.rounded()
            guard abs(value - operation.value) < 1e-6, let whole = Int64(exactly: value) else {
                throw AdminRefusal(.invalidRequest, "Configuration \(operation.key) must be a Long value")
            }
            configs[operation.key] = String(whole)
        }
        return configs
    }

    private static func entity(
        _ parts: [AlterClientQuotasRequest.EntityData]
    ) throws(AdminRefusal) -> QuotaEntity {
        guard !parts.isEmpty else { throw AdminRefusal(.invalidRequest, "Invalid empty client quota entity") }
        var entity = QuotaEntity(names: [:])
        for part in parts {
            guard let kind = QuotaEntity.Kind(rawValue: part.entityType) else {
                throw AdminRefusal(.invalidRequest, "Unhandled client quota entity type: \(part.entityType)")
            }
            guard part.entityName != "" else {
                throw AdminRefusal(.invalidRequest, "Empty \(part.entityType) not supported")
            }
            entity.names.updateValue(part.entityName, forKey: kind)
        }
        return entity
    }
}
