/// One rule of access with the protocol's numbers, so that one of a kind that is not known here is carried like any.
package struct RuleName: Sendable, Hashable {
    package var resourceType: Int8
    package var resource: String
    package var form: Int8
    package var principal: String
    package var host: String
    package var operation: Int8
    package var permission: Int8

    package init(
        _ resourceType: Int8, _ resource: String, form: Int8, principal: String, host: String, operation: Int8,
        permission: Int8
    ) {
        self.resourceType = resourceType
        self.resource = resource
        self.form = form
        self.principal = principal
        self.host = host
        self.operation = operation
        self.permission = permission
    }

    package init(_ rule: AccessRule) {
        self.init(
            rule.pattern.type.rawValue, rule.pattern.name, form: rule.pattern.form.rawValue,
            principal: rule.entry.principal.description, host: rule.entry.host,
            operation: rule.entry.operation.rawValue, permission: rule.entry.permission.rawValue)
    }

    private var numbers: [Int8] { [resourceType, form, operation, permission] }
    private var texts: [String] { [resource, principal, host] }

    package static func == (one: RuleName, other: RuleName) -> Bool {
        one.numbers == other.numbers && zip(one.texts, other.texts).allSatisfy { $0.isExactly($1) }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(numbers)
        for text in texts { text.hashExactly(into: &hasher) }
    }
}

extension RuleName: Comparable {
    package static func < (one: RuleName, other: RuleName) -> Bool {
        if one.resourceType != other.resourceType { return one.resourceType < other.resourceType }
        if one.form != other.form { return one.form < other.form }
        for (text, another) in zip(one.texts, other.texts) where !text.isExactly(another) {
            return text.utf8.lexicographicallyPrecedes(another.utf8)
        }
        if one.operation != other.operation { return one.operation < other.operation }
        return one.permission < other.permission
    }
}

extension RuleName: CustomStringConvertible {
    /// For people: `ALLOW User:alice READ on topic orders`, with `prefix*` for all that begin so and the host that is not any.
    package var description: String {
        let verb = AccessPermission(rawValue: permission)?.constant ?? "permission \(permission)"
        let what = AccessOperation(rawValue: operation)?.constant ?? "operation \(operation)"
        let type =
            ResourceType(rawValue: resourceType).map { String($0.constant.map { $0 == "_" ? " " : $0 }).lowercased() }
            ?? "resource of type \(resourceType)"
        let name = form == ResourcePattern.Form.literal.rawValue ? resource : "\(resource)*"
        let place = host == AccessEntry.everyHost ? "" : " from \(host)"
        return "\(verb) \(principal) \(what) on \(type) \(name)\(place)"
    }
}

extension AccessRule {
    /// nil for a rule of a kind that is not known here.
    package init?(_ name: RuleName) {
        guard let type = ResourceType(rawValue: name.resourceType),
            let form = ResourcePattern.Form(rawValue: name.form), let principal = KafkaPrincipal(name.principal),
            let operation = AccessOperation(rawValue: name.operation),
            let permission = AccessPermission(rawValue: name.permission)
        else { return nil }
        self.init(
            ResourcePattern(type, name.resource, form),
            AccessEntry(permission, operation, to: principal, from: name.host))
    }
}
