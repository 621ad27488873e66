/// How access is controlled where it is.
package struct AccessSettings: Sendable, Equatable {
    /// Who may do everything, whatever the rules say (`super.users`).
    package var superUsers: Set<KafkaPrincipal>
    /// Whether everybody may do what there are no rules about (`allow.everyone.if.no.acl.found`).
    package var allowsWithoutRules: Bool

    package init(superUsers: Set<KafkaPrincipal> = [], allowsWithoutRules: Bool = false) {
        self.superUsers = superUsers
        self.allowsWithoutRules = allowsWithoutRules
    }

    /// Names by which Apache Kafka's authorizers are asked for: each means these rules in the tree.
    package static let authorizers = [
        "kafka.security.authorizer.AclAuthorizer", "kafka.security.auth.SimpleAclAuthorizer",
        "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    ]

    /// Reads `super.users`: principals between semicolons, for names of certificates hold commas. The part that is no
    /// principal is the failure.
    package static func superUsers(_ text: String) -> Result<Set<KafkaPrincipal>, UnreadablePrincipal> {
        var users: Set<KafkaPrincipal> = []
        for part in text.split(separator: ";") {
            let name = String(
                part.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
            if name.isEmpty { continue }
            guard let user = KafkaPrincipal(name) else { return .failure(UnreadablePrincipal(text: name)) }
            users.insert(user)
        }
        return .success(users)
    }
}

/// A text that is not `type:name`.
package struct UnreadablePrincipal: Error, Sendable, Equatable {
    package var text: String
}
