/// JSON that does not describe the message it is read as.
package struct JSONMismatch: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where, from the message's body: `topics[0].name`; empty for the body itself.
    package var path: String
    package var reason: String

    package init(_ path: String, _ reason: String) {
        self.path = path
        self.reason = reason
    }

    /// About the body itself.
    package init(_ reason: String) {
        self.init("", reason)
    }

    package var description: String { path.isEmpty ? reason : "\(path): \(reason)" }

    /// The same, seen from what holds `step`.
    func under(_ step: String) -> JSONMismatch {
        let isPlainStep = path.isEmpty || path.hasPrefix("[")
        return JSONMismatch(isPlainStep ? step + path : "\(step).\(path)", reason)
    }
}

/// A message or a structure within one that converts to JSON and back, field by field, as it is in one version.
package protocol JSONStructure: Sendable {
    /// Wants exactly the fields of `version`; tagged fields may be left out.
    init(json: JSONValue, version: Int16) throws(JSONMismatch)
    /// All fields of `version`, but of the tagged ones only those that would be written.
    func json(version: Int16) -> JSONValue
}
