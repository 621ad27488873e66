import ZooKeeperProtocol

/// Who may do what: the schemes `world`, `auth`, `digest`, `ip`, `x509`, `sasl` and `super`.
package enum AccessControl {
    /// Whether one of `identities` has one of `permissions`. An empty list lets everybody in, as Apache ZooKeeper has
    /// it for the nodes it makes itself.
    package static func allows(
        _ identities: [ZooKeeperID], _ permissions: Permissions, _ acl: [ACL]
    ) -> Bool {
        if acl.isEmpty || identities.contains(where: { $0.scheme == "super" }) { return true }
        return acl.contains { entry in
            guard !entry.permissions.isDisjoint(with: permissions) else { return false }
            return entry.id == .anyone || identities.contains { matches($0, entry.id) }
        }
    }

    private static func matches(_ identity: ZooKeeperID, _ wanted: ZooKeeperID) -> Bool {
        guard identity.scheme == wanted.scheme else { return false }
        return identity.scheme == "ip"
            ? AddressRange(wanted.id)?.contains(identity.id) ?? false : identity.id == wanted.id
    }

    /// The list as it is kept: without duplicates, `auth` replaced by whom the client has shown to be.
    ///
    /// - Parameter schemes: those that may be named besides `world` and `auth`.
    static func normalized(
        _ acl: [ACL], for identities: [ZooKeeperID], schemes: Set<String>
    ) throws(ZooKeeperError) -> [ACL] {
        // Nearly all lists are this one; the nodes share it.
        if acl == ACL.open { return ACL.open }
        var result: [ACL] = []
        func add(_ entry: ACL) {
            if !result.contains(entry) { result.append(entry) }
        }
        for entry in acl {
            switch entry.id.scheme {
            case "auth":
                let shown = identities.filter { $0.scheme != "ip" && $0.scheme != "super" }
                guard !shown.isEmpty else { throw .invalidACL }
                for identity in shown { add(ACL(entry.permissions, identity)) }
            default:
                guard isValid(entry.id, schemes: schemes) else { throw .invalidACL }
                add(entry)
            }
        }
        guard !result.isEmpty else { throw .invalidACL }
        return result
    }

    private static func isValid(_ id: ZooKeeperID, schemes: Set<String>) -> Bool {
        switch id.scheme {
        case "world": id.id == "anyone"
        case let scheme where !schemes.contains(scheme): false
        case "digest": isNameAndHash(id.id)
        case "ip": AddressRange(id.id) != nil
        case "x509": isDistinguishedName(id.id)
        case "sasl": isPrincipal(id.id)
        default: false
        }
    }

    /// Whether there is one colon, with something behind it.
    private static func isNameAndHash(_ id: String) -> Bool {
        let parts = id.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 && parts[1] != ""
    }

    /// Whether it is empty or a list of attributes with values.
    private static func isDistinguishedName(_ id: String) -> Bool {
        id.isEmpty || id.first != "=" && id.contains("=")
    }

    /// Whether it is a plain name, or one with a realm, `name@REALM` or `name/host@REALM`.
    private static func isPrincipal(_ id: String) -> Bool {
        let parts = id.split(separator: "@", omittingEmptySubsequences: false)
        if parts.count == 1 { return true }
        return parts.count == 2 && !parts[1].contains("/") && parts[0].count { $0 == "/" } <= 1
    }

    /// The list as it is shown to who may not administer the node: no hashes.
    static func masked(_ acl: [ACL]) -> [ACL] {
        acl.map { entry in
            guard entry.id.scheme == "digest", let colon = entry.id.id.firstIndex(of: ":") else { return entry }
            return ACL(entry.permissions, ZooKeeperID(scheme: "digest", id: entry.id.id[..<colon] + ":x"))
        }
    }
}
