/// Keys that Apache's programs know and this one does without: a file may hold them, with a warning.
package struct IgnoredKeys: Sendable {
    package var names: Set<String>
    /// Why, as the end of a sentence; nil where nobody needs to know.
    package var reason: String?

    package init(_ names: Set<String>, because reason: String? = nil) {
        self.names = names
        self.reason = reason
    }

    /// What is said of one of them that a file sets.
    func warning(of name: String) -> String {
        guard let reason else { return "\(name) is not needed here and has no effect" }
        return "\(name) has no effect: \(reason)"
    }
}
