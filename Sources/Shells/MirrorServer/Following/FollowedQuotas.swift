import MartletClient
import Mirroring

/// Quotas of clients (KIP-546).
struct FollowedQuotas: FollowedKind {
    let source: Administrator
    let target: Administrator

    static var words: String { "quotas" }

    func atSource() async throws -> [QuotaName: Double]? { try await source.namedQuotas() }

    func atTarget() async throws -> [QuotaName: Double] { try await target.namedQuotas() }

    func change(_ changes: [QuotaName: Double?], from present: [QuotaName: Double]) async throws {
        var entities: [Administrator.QuotaEntity: [String: Double?]] = [:]
        for (name, limit) in changes {
            var entity: Administrator.QuotaEntity = [:]
            for part in name.entity { entity.updateValue(part.name, forKey: part.type) }
            entities[entity, default: [:]].updateValue(limit, forKey: name.key)
        }
        try await target.alterQuotas(entities)
    }

    func text(of value: Double) -> String? { "\(value)" }
}

extension Administrator {
    /// All quotas of clients.
    func namedQuotas() async throws -> [QuotaName: Double] {
        var named: [QuotaName: Double] = [:]
        for (entity, limits) in try await quotas() {
            let parts = entity.map { QuotaName.Part($0.key, $0.value) }
            for (key, limit) in limits { named[QuotaName(of: parts, key)] = limit }
        }
        return named
    }
}
