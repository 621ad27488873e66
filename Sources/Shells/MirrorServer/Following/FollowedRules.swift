import KafkaProtocol
import KafkaProtocolAdmin
import MartletClient
import Mirroring

/// Access rules (ACLs, KIP-140): all of them as they are, or what MirrorMaker 2 makes of those of mirrored topics.
struct FollowedRules: FollowedKind {
    let source: Administrator
    let target: Administrator
    /// What becomes of the source's rule at the target; nil leaves it out.
    let translate: @Sendable (RuleName) -> RuleName?

    init(_ settings: LinkSettings, source: Administrator, target: Administrator) {
        self.source = source
        self.target = target
        let plan = settings.plan
        switch settings.mode {
        case .exact: translate = { $0 }
        case .compatible:
            translate = { rule in
                rule.atCompatibleTarget { plan.copies($0) ? plan.policy.remoteTopic($0, of: plan.source) : nil }
            }
        }
    }

    static var words: String { "access rules" }

    func atSource() async throws -> [RuleName: Presence]? {
        do {
            let rules = try await source.rules().compactMap(translate)
            return Dictionary(rules.map { ($0, Presence.present) }) { first, _ in first }
        } catch let fault as ClientFault where fault.code == .securityDisabled || fault.isUnsupported {
            return nil
        }
    }

    func atTarget() async throws -> [RuleName: Presence] {
        do {
            return Dictionary(try await target.rules().map { ($0, Presence.present) }) { first, _ in first }
        } catch let fault as ClientFault where fault.code == .securityDisabled || fault.isUnsupported {
            throw NotFollowed("the target's brokers keep no access rules: give them an authorizer.class.name")
        }
    }

    func change(_ changes: [RuleName: Presence?], from present: [RuleName: Presence]) async throws {
        try await target.create(changes.filter { $0.value != nil }.keys.sorted())
        try await target.delete(changes.filter { $0.value == nil }.keys.sorted())
    }

    func text(of value: Presence) -> String? { nil }
}

extension Administrator {
    /// Any, on the wire.
    private static let any: Int8 = 1
    private static let rulesAtOnce = 1_000

    /// All access rules.
    fileprivate func rules() async throws -> [RuleName] {
        var request = DescribeAclsRequest()
        request.resourceTypeFilter = Self.any
        request.resourceNameFilter = nil
        request.patternTypeFilter = Self.any
        request.principalFilter = nil
        request.hostFilter = nil
        request.operation = Self.any
        request.permissionType = Self.any
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .any)
            try ClientFault.check(answer.errorCode, "access rules", answer.errorMessage)
            return answer.resources.flatMap { resource in
                resource.acls.map { acl in
                    RuleName(
                        resource.resourceType, resource.resourceName, form: resource.patternType,
                        principal: acl.principal, host: acl.host, operation: acl.operation,
                        permission: acl.permissionType)
                }
            }
        }
    }

    /// Throws the first refusal, when the others are done.
    fileprivate func create(_ rules: [RuleName]) async throws {
        for some in rules.chunks(of: Self.rulesAtOnce) {
            var request = CreateAclsRequest()
            request.creations = some.map { CreateAclsRequest.AclCreation($0) }
            try await client.retrying { [request] in
                let answer = try await client.send(request, to: .controller)
                for (rule, result) in zip(some, answer.results) {
                    try ClientFault.check(result.errorCode, "\(rule)", result.errorMessage)
                }
            }
        }
    }

    /// Likewise.
    fileprivate func delete(_ rules: [RuleName]) async throws {
        for some in rules.chunks(of: Self.rulesAtOnce) {
            var request = DeleteAclsRequest()
            request.filters = some.map { DeleteAclsRequest.DeleteAclsFilter($0) }
            try await client.retrying { [request] in
                let answer = try await client.send(request, to: .controller)
                for (rule, result) in zip(some, answer.filterResults) {
                    try ClientFault.check(result.errorCode, "\(rule)", result.errorMessage)
                    for match in result.matchingAcls {
                        try ClientFault.check(match.errorCode, "\(rule)", match.errorMessage)
                    }
                }
            }
        }
    }
}

extension CreateAclsRequest.AclCreation {
    fileprivate init(_ rule: RuleName) {
        self.init()
        resourceType = rule.resourceType
        resourceName = rule.resource
        resourcePatternType = rule.form
        principal = rule.principal
        host = rule.host
        operation = rule.operation
        permissionType = rule.permission
    }
}

extension DeleteAclsRequest.DeleteAclsFilter {
    /// Means this rule alone.
    fileprivate init(_ rule: RuleName) {
        self.init()
        resourceTypeFilter = rule.resourceType
        resourceNameFilter = rule.resource
        patternTypeFilter = rule.form
        principalFilter = rule.principal
        hostFilter = rule.host
        operation = rule.operation
        permissionType = rule.permission
    }
}

extension Array {
    fileprivate func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
