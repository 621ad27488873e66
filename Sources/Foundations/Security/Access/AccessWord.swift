/// A word of access rules; the raw value is the protocol's.
package protocol AccessWord: RawRepresentable<Int8>, CaseIterable, Hashable, Sendable {
    /// As the tree and `kafka-acls` have it: `DescribeConfigs`.
    var name: String { get }
}

extension AccessWord {
    /// As Apache's lists and logs have it: `DESCRIBE_CONFIGS`.
    package var constant: String {
        var text = ""
        for character in name {
            if character.isUppercase, !text.isEmpty { text.append("_") }
            text.append(character.uppercased())
        }
        return text
    }

    /// Reads ``name``, in any case.
    package init?(name: String) {
        let wanted = name.uppercased()
        guard let found = Self.allCases.first(where: { $0.name.uppercased() == wanted }) else { return nil }
        self = found
    }
}
