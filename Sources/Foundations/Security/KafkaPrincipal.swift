/// Who a connection acts for, as authorization and quotas see it: a type (`User` for all that authenticates on the
/// wire) and a name. Two are the same when their bytes are.
package struct KafkaPrincipal: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var type: String
    package var name: String

    package init(type: String = "User", name: String) {
        self.type = type
        self.name = name
    }

    /// Who has not said who it is.
    package static let anonymous = KafkaPrincipal(name: "ANONYMOUS")

    /// Reads `type:name`, as `super.users` and ACLs write it; nil when either part is empty.
    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let name = text[text.index(after: colon)...]
        guard colon > text.startIndex, !name.isEmpty else { return nil }
        self.init(type: String(text[..<colon]), name: String(name))
    }

    package var description: String { "\(type):\(name)" }

    package static func == (left: KafkaPrincipal, right: KafkaPrincipal) -> Bool {
        left.name.isExactly(right.name) && left.type.isExactly(right.type)
    }

    package static func < (left: KafkaPrincipal, right: KafkaPrincipal) -> Bool {
        left.type.isExactly(right.type)
            ? left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
            : left.type.utf8.lexicographicallyPrecedes(right.type.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        type.hashExactly(into: &hasher)
        name.hashExactly(into: &hasher)
    }
}
