/// Which names topics may have.
package enum TopicNames {
    private static let maximumLength = 249

    /// Why `name` is no name of a topic, as Apache Kafka says it; nil when it is one.
    package static func objection(to name: String) -> String? {
        let invalid = "Topic name is invalid: "
        if name.isEmpty { return invalid + "the empty string is not allowed" }
        if name == "." || name == ".." { return invalid + "'\(name)' is not allowed" }
        if name.utf8.count > maximumLength {
            return invalid + "the length of '\(name)' is longer than the max allowed length \(maximumLength)"
        }
        guard name.utf8.allSatisfy(isAllowed) else {
            return invalid
                + "'\(name)' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        }
        return nil
    }

    /// An existing topic whose name cannot be told from `name` where `.` and `_` are one (metrics); nil when none is.
    package static func collision(of name: String, with existing: some Sequence<String>) -> String? {
        guard name.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") }) else { return nil }
        let merged = merged(name)
        return existing.filter { $0 != name && Self.merged($0) == merged }.min()
    }

    private static func merged(_ name: String) -> [UInt8] {
        name.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "_") : $0 }
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
