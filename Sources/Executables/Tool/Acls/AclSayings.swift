import ArgumentParser
import Security

/// What a command says of one resource; without entries it means all rules about it.
struct AclChoice {
    var resource: AclResource
    var entries: [AccessEntry]

    var rules: [AccessRule] {
        let form: ResourcePattern.Form = resource.form == .prefixed ? .prefixed : .literal
        return entries.map { AccessRule(ResourcePattern(resource.type, resource.name, form), $0) }
    }

    var filters: [AccessFilter] {
        guard !entries.isEmpty else { return [resource.filter] }
        return entries.map { entry in
            var filter = resource.filter
            filter.principal = entry.principal.description
            filter.host = entry.host
            filter.operation = entry.operation
            filter.permission = entry.permission
            return filter
        }
    }
}

/// Whom rules allow or deny what, by the flags of `kafka-acls`.
struct AclSayings: ParsableArguments {
    @Option(help: "Read, Write, ...; All if not given; repeat for more.") var operation: [String] = []
    @Option(help: "Who may: User:name, or User:* for everybody; repeat for more.") var allowPrincipal: [String] = []
    @Option(help: "Who may not, whoever else may; repeat for more.") var denyPrincipal: [String] = []
    @Option(help: "The address from which they may; any if not given; repeat for more.") var allowHost: [String] = []
    @Option(help: "The address from which they may not; any if not given; repeat for more.") var denyHost: [String] = []
    @Flag(help: "All that a producer needs: Write, Describe and Create on --topic, Write and Describe on ids.")
    var producer = false
    @Flag(help: "All that a consumer needs: Read and Describe on --topic, Read on --group.") var consumer = false
    @Flag(help: "With --producer: also what idempotent producers needed before version 3 of Apache Kafka.")
    var idempotent = false

    var areEmpty: Bool {
        operation.isEmpty && allowPrincipal.isEmpty && denyPrincipal.isEmpty && allowHost.isEmpty && denyHost.isEmpty
            && !producer && !consumer && !idempotent
    }

    /// What is said of each resource.
    func choices(of resources: AclResources) throws -> [AclChoice] {
        try check(resources)
        var chosen = resources.chosen
        if idempotent, resources.resourcePatternType == .literal, !chosen.contains(.cluster) { chosen.append(.cluster) }
        guard !chosen.isEmpty else {
            throw ValidationError("give a resource: --topic, --group, --cluster, --transactional-id, ...")
        }
        guard producer || consumer else {
            let operations = try self.operations()
            for resource in chosen { try Self.check(operations, resource.type) }
            let entries = try entries(operations)
            return chosen.map { AclChoice(resource: $0, entries: entries) }
        }
        return try chosen.compactMap { resource in
            var operations: [AccessOperation] = []
            if producer { operations += Self.ofProducers(resource.type, isIdempotent: idempotent) }
            if consumer { operations += Self.ofConsumers(resource.type) }
            guard !operations.isEmpty else { return nil }
            return AclChoice(resource: resource, entries: try entries(operations))
        }
    }

    private func check(_ resources: AclResources) throws {
        if producer || consumer {
            guard operation.isEmpty, denyPrincipal.isEmpty, denyHost.isEmpty else {
                throw ValidationError(
                    "--producer and --consumer say themselves what is allowed: without --operation and --deny-...")
            }
        }
        if producer, resources.topic.isEmpty { throw ValidationError("--producer needs a --topic") }
        if idempotent, !producer { throw ValidationError("--idempotent goes with --producer") }
        guard consumer else { return }
        let isMore = resources.isOnCluster || !resources.transactionalId.isEmpty
        if resources.topic.isEmpty || resources.group.isEmpty || !producer && isMore {
            throw ValidationError("--consumer needs a --topic and a --group, and no --cluster or --transactional-id")
        }
    }

    private static func ofProducers(_ type: ResourceType, isIdempotent: Bool) -> [AccessOperation] {
        switch type {
        case .topic: [.write, .describe, .create]
        case .transactionalID: [.write, .describe]
        case .cluster: isIdempotent ? [.idempotentWrite] : []
        default: []
        }
    }

    private static func ofConsumers(_ type: ResourceType) -> [AccessOperation] {
        switch type {
        case .topic: [.read, .describe]
        case .group: [.read]
        default: []
        }
    }

    private func operations() throws -> [AccessOperation] {
        guard !operation.isEmpty else { return [.all] }
        return try operation.map { name in
            guard let operation = AccessOperation(name: name) else {
                let names = AccessOperation.allCases.map(\.name).joined(separator: ", ")
                throw ValidationError("there is no operation '\(name)': \(names)")
            }
            return operation
        }
    }

    private static func check(_ operations: [AccessOperation], _ type: ResourceType) throws {
        let valid = type.operations + [.all]
        guard operations.allSatisfy({ valid.contains($0) }) else {
            let names = valid.map(\.name).joined(separator: ", ")
            throw ValidationError("ResourceType \(type.constant) only supports operations \(names)")
        }
    }

    /// Each once, sorted; none when nobody is named.
    private func entries(_ operations: [AccessOperation]) throws -> [AccessEntry] {
        var entries: Set<AccessEntry> = []
        for (permission, principals, hosts) in [
            (AccessPermission.allow, allowPrincipal, allowHost), (.deny, denyPrincipal, denyHost),
        ] {
            for principal in principals {
                for host in hosts.isEmpty ? [AccessEntry.everyHost] : hosts {
                    for operation in operations {
                        entries.insert(
                            AccessEntry(permission, operation, to: try Self.principal(principal), from: host))
                    }
                }
            }
        }
        return entries.sorted()
    }

    static func principal(_ text: String) throws -> KafkaPrincipal {
        guard let principal = KafkaPrincipal(text) else {
            throw ValidationError("'\(text)' is no principal: they are type:name, as User:alice")
        }
        return principal
    }
}
