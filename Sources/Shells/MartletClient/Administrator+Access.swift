import KafkaProtocol
import KafkaProtocolAdmin
import Security

/// Rules of access (ACLs, KIP-140). A cluster without an authorizer refuses all of it with `SECURITY_DISABLED`.
extension Administrator {
    /// The rules that `filter` means, sorted; those that name what is not known here are left out.
    package func accessRules(matching filter: AccessFilter = AccessFilter()) async throws -> [AccessRule] {
        var request = DescribeAclsRequest()
        request.resourceTypeFilter = filter.type?.rawValue ?? Self.anything
        request.resourceNameFilter = filter.name
        request.patternTypeFilter = filter.form.rawValue
        request.principalFilter = filter.principal
        request.hostFilter = filter.host
        request.operation = filter.operation?.rawValue ?? Self.anything
        request.permissionType = filter.permission?.rawValue ?? Self.anything
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .controller)
            try ClientFault.check(answer.errorCode, "rules of access", answer.errorMessage)
            let rules = answer.resources.flatMap { resource in
                resource.acls.compactMap { acl in
                    AccessRule(
                        resource.resourceType, resource.resourceName, resource.patternType, principal: acl.principal,
                        host: acl.host, operation: acl.operation, permission: acl.permissionType)
                }
            }
            return rules.sorted()
        }
    }

    /// Makes rules; those that are there already stay. Throws the first refusal, when the others are made.
    package func createAccessRules(_ rules: [AccessRule]) async throws {
        guard !rules.isEmpty else { return }
        var request = CreateAclsRequest()
        request.creations = rules.map { rule in
            var creation = CreateAclsRequest.AclCreation()
            creation.resourceType = rule.pattern.type.rawValue
            creation.resourceName = rule.pattern.name
            creation.resourcePatternType = rule.pattern.form.rawValue
            creation.principal = rule.entry.principal.description
            creation.host = rule.entry.host
            creation.operation = rule.entry.operation.rawValue
            creation.permissionType = rule.entry.permission.rawValue
            return creation
        }
        try await client.retrying { [request] in
            let answer = try await client.send(request, to: .controller)
            for (rule, result) in zip(rules, answer.results) {
                try ClientFault.check(result.errorCode, "\(rule.pattern) \(rule.entry)", result.errorMessage)
            }
        }
    }

    /// Deletes the rules that any of `filters` means, and returns them, sorted. Throws the first refusal, when the others
    /// are deleted.
    @discardableResult
    package func deleteAccessRules(matching filters: [AccessFilter]) async throws -> [AccessRule] {
        guard !filters.isEmpty else { return [] }
        var request = DeleteAclsRequest()
        request.filters = filters.map { filter in
            var wanted = DeleteAclsRequest.DeleteAclsFilter()
            wanted.resourceTypeFilter = filter.type?.rawValue ?? Self.anything
            wanted.resourceNameFilter = filter.name
            wanted.patternTypeFilter = filter.form.rawValue
            wanted.principalFilter = filter.principal
            wanted.hostFilter = filter.host
            wanted.operation = filter.operation?.rawValue ?? Self.anything
            wanted.permissionType = filter.permission?.rawValue ?? Self.anything
            return wanted
        }
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .controller)
            var deleted: [AccessRule] = []
            for result in answer.filterResults {
                try ClientFault.check(result.errorCode, "rules of access", result.errorMessage)
                for acl in result.matchingAcls {
                    try ClientFault.check(acl.errorCode, "rules of access to \(acl.resourceName)", acl.errorMessage)
                    if let rule = AccessRule(
                        acl.resourceType, acl.resourceName, acl.patternType, principal: acl.principal, host: acl.host,
                        operation: acl.operation, permission: acl.permissionType)
                    {
                        deleted.append(rule)
                    }
                }
            }
            return deleted.sorted()
        }
    }

    /// Deletes these rules; those that are not there are no matter.
    package func deleteAccessRules(_ rules: [AccessRule]) async throws {
        try await deleteAccessRules(matching: rules.map { AccessFilter($0) })
    }

    /// Leaves a part of a filter open, on the wire.
    private static let anything: Int8 = 1
}

extension AccessRule {
    /// nil for words that are not known here.
    fileprivate init?(
        _ type: Int8, _ name: String, _ form: Int8, principal: String, host: String, operation: Int8, permission: Int8
    ) {
        guard let type = ResourceType(rawValue: type), let form = ResourcePattern.Form(rawValue: form),
            let principal = KafkaPrincipal(principal), let operation = AccessOperation(rawValue: operation),
            let permission = AccessPermission(rawValue: permission)
        else { return nil }
        self.init(ResourcePattern(type, name, form), AccessEntry(permission, operation, to: principal, from: host))
    }
}
