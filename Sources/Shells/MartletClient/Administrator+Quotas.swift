import KafkaProtocol
import KafkaProtocolAdmin

/// Quotas of clients (KIP-546).
extension Administrator {
    /// Whom a quota is for: names by type (`user`, `client-id`, `ip`), of which nil is the type's default.
    package typealias QuotaEntity = [String: String?]

    /// All quotas: the limits of each entity by their keys.
    package func quotas() async throws -> [QuotaEntity: [String: Double]] {
        try await client.retrying {
            let answer = try await client.send(DescribeClientQuotasRequest(), to: .any)
            try ClientFault.check(answer.errorCode, "quotas", answer.errorMessage)
            var found: [QuotaEntity: [String: Double]] = [:]
            for entry in answer.entries ?? [] {
                var entity: QuotaEntity = [:]
                for part in entry.entity { entity.updateValue(part.entityName, forKey: part.entityType) }
                for value in entry.values { found[entity, default: [:]][value.key] = value.value }
            }
            return found
        }
    }

    /// Sets limits; nil removes one. Throws the first refusal, when the others are done.
    package func alterQuotas(_ changes: [QuotaEntity: [String: Double?]]) async throws {
        guard !changes.isEmpty else { return }
        var request = AlterClientQuotasRequest()
        for (entity, limits) in changes {
            var entry = AlterClientQuotasRequest.EntryData()
            for (type, name) in entity.sorted(by: { $0.key < $1.key }) {
                var part = AlterClientQuotasRequest.EntityData()
                part.entityType = type
                part.entityName = name
                entry.entity.append(part)
            }
            for (key, limit) in limits.sorted(by: { $0.key < $1.key }) {
                var operation = AlterClientQuotasRequest.OpData()
                operation.key = key
                operation.value = limit ?? 0
                operation.remove = limit == nil
                entry.ops.append(operation)
            }
            request.entries.append(entry)
        }
        try await client.retrying { [request] in
            let answer = try await client.send(request, to: .controller)
            for entry in answer.entries {
                let whom = entry.entity.map { "\($0.entityType) \($0.entityName ?? "(default)")" }
                try ClientFault.check(
                    entry.errorCode, "quotas of \(whom.joined(separator: ", "))", entry.errorMessage)
            }
        }
    }
}
