import KafkaProtocol
import Security

/// Whether who sent a request may do what it asks, by the rules that the image shows; each answer is for the audit log.
///
/// Where access is not controlled everything is permitted, at the cost of one branch.
extension BrokerKernel {
    /// - Parameters:
    ///   - count: how many things of the request depend on the answer, for the log.
    ///   - tellsDenial: whether a denial says that somebody tried what is forbidden; else it only leaves something out.
    mutating func permits(
        _ request: Request, _ operation: AccessOperation, _ type: ResourceType, _ name: String, count: Int = 1,
        tellsDenial: Bool = true
    ) -> Bool {
        guard let access = settings.access else { return true }
        let origin = request.origin
        let isSuperUser = access.superUsers.contains(origin.principal)
        let isPermitted =
            isSuperUser
            || image.access.standing(of: origin.principal, from: origin.clientAddress, on: type, name)
                .permits(operation, allowsWithoutRules: access.allowsWithoutRules)
        guard isPermitted ? settings.auditsPermissions : tellsDenial else { return isPermitted }
        var basis = isPermitted ? "DefaultAllow" : "DefaultDeny"
        if isSuperUser {
            basis = "SuperUser"
        } else if let rule = image.access.decidingRule(
            for: operation, of: origin.principal, from: origin.clientAddress, on: type, name)
        {
            basis = rule.standardDescription
        }
        audit(request, operation, "\(type.name):LITERAL:\(name)", count, isPermitted: isPermitted, basis: basis)
        return isPermitted
    }

    mutating func permitsOnCluster(
        _ request: Request, _ operation: AccessOperation, tellsDenial: Bool = true
    ) -> Bool {
        permits(request, operation, .cluster, ResourcePattern.clusterName, tellsDenial: tellsDenial)
    }

    /// Those of `topics` with which the sender may not do it; each is decided and logged once.
    mutating func forbidden(
        _ request: Request, _ operation: AccessOperation, _ topics: some Sequence<String>, tellsDenial: Bool = true
    ) -> Set<String> {
        guard settings.access != nil else { return [] }
        var counts: [String: Int] = [:]
        var names: [String] = []
        for topic in topics {
            if counts[topic] == nil { names.append(topic) }
            counts[topic, default: 0] += 1
        }
        var forbidden: Set<String> = []
        for name in names {
            let count = counts[name] ?? 1
            if !permits(request, operation, .topic, name, count: count, tellsDenial: tellsDenial) {
                forbidden.insert(name)
            }
        }
        return forbidden
    }

    /// Whether the sender may write to some topic, or wherever it may with an id of an idempotent producer (KIP-679).
    mutating func mayProduceIdempotently(_ request: Request) -> Bool {
        guard let access = settings.access else { return true }
        if permitsOnCluster(request, .idempotentWrite, tellsDenial: false) { return true }
        let origin = request.origin
        let isPermitted = image.access.permits(
            .write, onSome: .topic, to: origin.principal, from: origin.clientAddress,
            allowsWithoutRules: access.allowsWithoutRules)
        if !isPermitted { audit(request, .write, "Topic:UNKNOWN:NONE", 0, isPermitted: false, basis: "DefaultDeny") }
        return isPermitted
    }

    /// What the sender may do with a resource, one bit an operation (KIP-430).
    func permittedOperations(_ request: Request, _ type: ResourceType, _ name: String) -> Int32 {
        var permitted: AccessOperations = []
        guard let access = settings.access, !access.superUsers.contains(request.origin.principal) else {
            for operation in type.operations { permitted.insert(operation) }
            return permitted.bits
        }
        let standing = image.access.standing(
            of: request.origin.principal, from: request.origin.clientAddress, on: type, name)
        for operation in type.operations
        where standing.permits(operation, allowsWithoutRules: access.allowsWithoutRules) {
            permitted.insert(operation)
        }
        return permitted.bits
    }

    /// What the sender may do with the cluster; nothing when it may not even see it.
    mutating func permittedOperationsOnCluster(_ request: Request) -> Int32 {
        guard permitsOnCluster(request, .describe) else { return 0 }
        return permittedOperations(request, .cluster, ResourcePattern.clusterName)
    }

    /// In the words of Apache Kafka's `StandardAuthorizer`.
    private mutating func audit(
        _ request: Request, _ operation: AccessOperation, _ resource: String, _ count: Int, isPermitted: Bool,
        basis: String
    ) {
        let api = "\(request.apiKey)"
        perform(
            .audit(
                isPermitted: isPermitted,
                "Principal = \(request.origin.principal) is \(isPermitted ? "Allowed" : "Denied") "
                    + "operation = \(operation.constant) from host = \(request.origin.clientAddress) "
                    + "on resource = \(resource) for request = \(api.prefix(1).uppercased())\(api.dropFirst()) "
                    + "with resourceRefCount = \(count) based on rule \(basis)"))
    }

    /// Takes over that rules have changed: fetch sessions look at all of their partitions again.
    mutating func followAccess(since older: AccessTable) {
        guard settings.access != nil, image.access != older else { return }
        fetchSessions.stirAll()
    }
}

extension AccessRule {
    /// As Apache Kafka's audit log has it.
    fileprivate var standardDescription: String {
        "MatchingAcl(acl=StandardAcl(resourceType=\(pattern.type.constant), resourceName=\(pattern.name), "
            + "patternType=\(pattern.form.constant), principal=\(entry.principal), host=\(entry.host), "
            + "operation=\(entry.operation.constant), permissionType=\(entry.permission.constant)))"
    }
}
