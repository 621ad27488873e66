import ZooKeeperProtocol

/// Access lists as operators write and read them: `scheme:id:permissions`, comma-separated.
enum ACLText {
    private static let letters: [(letter: Character, permission: Permissions)] = [
        ("c", .create), ("d", .delete), ("r", .read), ("w", .write), ("a", .admin),
    ]

    static func parse(_ text: String) throws(ShellFailure) -> [ACL] {
        var list: [ACL] = []
        for entry in text.split(separator: ",", omittingEmptySubsequences: false) {
            // Ids may hold colons.
            guard let first = entry.firstIndex(of: ":"), let last = entry.lastIndex(of: ":"), first != last else {
                throw ShellFailure("\(entry) does not have the form scheme:id:perm")
            }
            let id = entry[entry.index(after: first)..<last]
            let permissions = try permissions(entry[entry.index(after: last)...])
            list.append(ACL(permissions, ZooKeeperID(scheme: String(entry[..<first]), id: String(id))))
        }
        return list
    }

    private static func permissions(_ text: Substring) throws(ShellFailure) -> Permissions {
        var permissions: Permissions = []
        for letter in text {
            guard let known = letters.first(where: { $0.letter == letter }) else {
                throw ShellFailure("Unknown perm type: \(letter)")
            }
            permissions.insert(known.permission)
        }
        return permissions
    }

    /// Two lines an entry.
    static func lines(_ list: [ACL]) -> [String] {
        list.flatMap { entry in
            let permissions = letters.filter { entry.permissions.contains($0.permission) }.map(\.letter)
            return ["'\(entry.id.scheme),'\(entry.id.id)", ": \(String(permissions))"]
        }
    }
}
