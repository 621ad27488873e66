import KafkaProtocol
import KafkaProtocolAdmin
import Security

/// Rules of access (ACLs, KIP-140). A cluster without an authorizer refuses all of it with `SECURITY_DISABLED`.
extension Administrator {
    /// The rules that `filter` means, sorted.
    package func accessRules(matching filter: AccessFilter = AccessFilter()) async throws -> [RuleName] {
        let request = DescribeAclsRequest(filter)
        return try await client.retrying {
            let answer = try await client.send(request, to: .controller)
            try ClientFault.check(answer.errorCode, "rules of access", answer.errorMessage)
            let rules = answer.resources.flatMap { resource in
                resource.acls.map { acl in
                    RuleName(
                        resource.resourceType, resource.resourceName, form: resource.patternType,
                        principal: acl.principal, host: acl.host, operation: acl.operation,
                        permission: acl.permissionType)
                }
            }
            return rules.sorted()
        }
    }

    /// Makes rules; those that are there already stay. Throws the first refusal, when the others are made.
    package func createAccessRules(_ rules: [RuleName]) async throws {
        try await inChunks(rules) { rules in
            var request = CreateAclsRequest()
            request.creations = rules.map { CreateAclsRequest.AclCreation($0) }
            let results = try await client.send(request, to: .controller).results
            return zip(rules, results).compactMap { rule, result in
                ClientFault(result.errorCode, "\(rule)", result.errorMessage)
            }
        }
    }

    /// Deletes these rules; those that are not there are no matter. Throws the first refusal, when the others are deleted.
    package func deleteAccessRules(_ rules: [RuleName]) async throws {
        try await deleteAccessRules(rules.map { (DeleteAclsRequest.DeleteAclsFilter($0), "\($0)") })
    }

    /// Deletes the rules that any of `filters` means. Throws the first refusal, when the others are deleted.
    package func deleteAccessRules(matching filters: [AccessFilter]) async throws {
        try await deleteAccessRules(filters.map { (DeleteAclsRequest.DeleteAclsFilter($0), "rules of access") })
    }

    private func deleteAccessRules(
        _ filters: [(filter: DeleteAclsRequest.DeleteAclsFilter, words: String)]
    ) async throws {
        try await inChunks(filters) { filters in
            var request = DeleteAclsRequest()
            request.filters = filters.map(\.filter)
            let results = try await client.send(request, to: .controller).filterResults
            return zip(filters, results).flatMap { wanted, result in
                let refusals =
                    [ClientFault(result.errorCode, wanted.words, result.errorMessage)]
                    + result.matchingAcls.map { ClientFault($0.errorCode, wanted.words, $0.errorMessage) }
                return refusals.compactMap { $0 }
            }
        }
    }

    private static let rulesAtOnce = 1_000

    /// - Parameter change: changes some, and returns what was refused.
    private func inChunks<Item>(
        _ items: [Item], _ change: ([Item]) async throws -> [ClientFault]
    ) async throws {
        var refusal: ClientFault?
        for start in stride(from: 0, to: items.count, by: Self.rulesAtOnce) {
            let some = Array(items[start..<min(start + Self.rulesAtOnce, items.count)])
            let refused = try await client.retrying {
                let refusals = try await change(some)
                if let passing = refusals.first(where: \.isRetriable) { throw passing }
                return refusals.first
            }
            refusal = refusal ?? refused
        }
        if let refusal { throw refusal }
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

/// A filter on the wire, in whichever request.
private protocol WireFilter {
    var resourceTypeFilter: Int8 { get set }
    var resourceNameFilter: String? { get set }
    var patternTypeFilter: Int8 { get set }
    var principalFilter: String? { get set }
    var hostFilter: String? { get set }
    var operation: Int8 { get set }
    var permissionType: Int8 { get set }

    init()
}

extension DescribeAclsRequest: WireFilter {}
extension DeleteAclsRequest.DeleteAclsFilter: WireFilter {}

extension WireFilter {
    fileprivate init(_ filter: AccessFilter) {
        /// Leaves a part open.
        let anything: Int8 = 1
        self.init()
        resourceTypeFilter = filter.type?.rawValue ?? anything
        resourceNameFilter = filter.name
        patternTypeFilter = filter.form.rawValue
        principalFilter = filter.principal
        hostFilter = filter.host
        operation = filter.operation?.rawValue ?? anything
        permissionType = filter.permission?.rawValue ?? anything
    }

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
