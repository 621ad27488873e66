/// What one rule says of whom, without what it is about.
package struct AccessEntry: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// ``everyHost`` or an IP address.
    package static let everyHost = "*"
    /// Stands for every user, also for those who have not said who they are.
    package static let everybody = KafkaPrincipal(name: "*")

    package var principal: KafkaPrincipal
    package var host: String
    package var operation: AccessOperation
    package var permission: AccessPermission

    package init(
        _ permission: AccessPermission, _ operation: AccessOperation, to principal: KafkaPrincipal,
        from host: String = everyHost
    ) {
        self.principal = principal
        self.host = host
        self.operation = operation
        self.permission = permission
    }

    package static func < (left: AccessEntry, right: AccessEntry) -> Bool {
        if left.principal != right.principal { return left.principal < right.principal }
        if left.host != right.host { return left.host < right.host }
        if left.operation != right.operation { return left.operation.rawValue < right.operation.rawValue }
        return left.permission.rawValue < right.permission.rawValue
    }

    /// As `kafka-acls` prints it.
    package var description: String {
        "(principal=\(principal), host=\(host), operation=\(operation.constant), "
            + "permissionType=\(permission.constant))"
    }
}

/// One rule (an ACL binding, in Apache's words).
package struct AccessRule: Sendable, Hashable, Comparable {
    package var pattern: ResourcePattern
    package var entry: AccessEntry

    package init(_ pattern: ResourcePattern, _ entry: AccessEntry) {
        self.pattern = pattern
        self.entry = entry
    }

    package static func < (left: AccessRule, right: AccessRule) -> Bool {
        left.pattern != right.pattern ? left.pattern < right.pattern : left.entry < right.entry
    }
}

/// Which rules are meant; nil leaves a part open.
package struct AccessFilter: Sendable, Hashable {
    /// How the name is compared; the raw value is the protocol's (KIP-290).
    package enum Form: Int8, Sendable, Hashable, CaseIterable {
        /// Rules of this very name, whatever their form.
        case any = 1
        /// Rules that count for a resource of this name.
        case match = 2
        case literal = 3
        case prefixed = 4
    }

    package var type: ResourceType?
    package var name: String?
    package var form: Form
    /// As it is written: `User:alice`.
    package var principal: String?
    package var host: String?
    package var operation: AccessOperation?
    package var permission: AccessPermission?

    package init(
        type: ResourceType? = nil, name: String? = nil, form: Form = .any, principal: String? = nil,
        host: String? = nil, operation: AccessOperation? = nil, permission: AccessPermission? = nil
    ) {
        self.type = type
        self.name = name
        self.form = form
        self.principal = principal
        self.host = host
        self.operation = operation
        self.permission = permission
    }

    package func matches(_ pattern: ResourcePattern) -> Bool {
        if let type, type != pattern.type { return false }
        switch form {
        case .literal: if pattern.form != .literal { return false }
        case .prefixed: if pattern.form != .prefixed { return false }
        case .any, .match: break
        }
        guard let name else { return true }
        guard form == .match else { return name.isExactly(pattern.name) }
        return switch pattern.form {
        case .literal: name.isExactly(pattern.name) || pattern.name == ResourcePattern.everyName
        case .prefixed: name.utf8.starts(with: pattern.name.utf8)
        }
    }

    package func matches(_ entry: AccessEntry) -> Bool {
        (principal?.isExactly(entry.principal.description) ?? true) && (host ?? entry.host) == entry.host
            && (operation ?? entry.operation) == entry.operation
            && (permission ?? entry.permission) == entry.permission
    }

    /// The one rule that is meant; nil when a part is open.
    package var onlyRule: AccessRule? {
        guard let type, let name, let host, let operation, let permission, let principal,
            let whom = KafkaPrincipal(principal)
        else { return nil }
        let entry = AccessEntry(permission, operation, to: whom, from: host)
        return switch form {
        case .literal: AccessRule(ResourcePattern(type, name, .literal), entry)
        case .prefixed: AccessRule(ResourcePattern(type, name, .prefixed), entry)
        case .any, .match: nil
        }
    }
}
