import ClusterModel
import Logging
import MartletClient
import Mirroring
import NIOCore

/// Keeps the target's quotas of clients in step with the source's.
///
/// A quota is marked as the link's before it is set, and given up after it is removed: whenever the mirror ends, it knows
/// afterwards what it may change.
struct QuotaFollower: Sendable {
    private let link: String
    private let source: Administrator
    private let target: Administrator
    private let marks: QuotaMarks
    private let logger: Logger

    init(settings: LinkSettings, clients: LinkClients, logger: Logger) {
        link = settings.name
        source = Administrator(clients.source)
        target = Administrator(clients.target)
        marks = QuotaMarks(settings: settings, target: clients.target)
        self.logger = logger
    }

    /// One look at both clusters.
    func follow() async throws {
        let wanted = try await source.namedQuotas()
        let marked = try await marks.read()
        guard !(wanted.isEmpty && marked.isEmpty) else { return }
        let followed = FollowedQuotas(source: wanted, target: try await target.namedQuotas(), marked: marked)
        for (name, present) in followed.drift.sorted(by: { $0.key < $1.key }) {
            logger.warning("\(link): \(name) was \(present.map { "\($0)" } ?? "gone") at the target")
        }
        try await marks.write(followed.marks.mapValues(Optional.some))
        let changes = followed.sets.mapValues(Optional.some)
        try await target.alterQuotas(changes.merging(followed.removals.map { ($0, nil) }) { $1 })
        try await marks.write(Dictionary(uniqueKeysWithValues: followed.givenUp.map { ($0, nil) }))
        for (name, limit) in followed.sets.sorted(by: { $0.key < $1.key }) {
            logger.info("\(link): \(name) is \(limit) at the target too")
        }
        for name in followed.removals.sorted() { logger.info("\(link): \(name) is removed at the target too") }
    }
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

    /// - Parameter changes: nil removes a quota.
    fileprivate func alterQuotas(_ changes: [QuotaName: Double?]) async throws {
        var entities: [QuotaEntity: [String: Double?]] = [:]
        for (name, limit) in changes {
            var entity: QuotaEntity = [:]
            for part in name.entity { entity.updateValue(part.name, forKey: part.type) }
            entities[entity, default: [:]].updateValue(limit, forKey: name.key)
        }
        try await alterQuotas(entities)
    }
}
