import WireCoding

extension WireJSON {
    package enum Direction: String, Sendable {
        case request = "Request"
        case response = "Response"
    }

    /// A name that stands for no message, or for two.
    package struct UnknownMessage: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// The message that a person means: by its own name (`ProduceRequest`, `OffsetCommitValue`), or by that of its API
    /// (`Produce`) or its key (`0`) with a direction.
    package static func message(
        called text: String, _ direction: Direction?
    ) throws(UnknownMessage) -> any NamedMessage.Type {
        if let type = messages[text] {
            guard let direction, !text.hasSuffix(direction.rawValue) else { return type }
            throw UnknownMessage(description: "\(text) is not a \(direction.rawValue.lowercased())")
        }
        guard let name = apiName(text) else {
            let nearest = messages.keys.sorted().first { $0.lowercased().hasPrefix(text.lowercased()) }
            let hint =
                nearest.map { "; did you mean \($0)?" }
                ?? "; names are Apache Kafka's, such as Produce, Fetch or OffsetCommitValue"
            throw UnknownMessage(description: "no message is called '\(text)'\(hint)")
        }
        guard let direction else {
            throw UnknownMessage(description: "\(name) is a request and a response: say which")
        }
        guard let type = messages[name + direction.rawValue] else {
            throw UnknownMessage(description: "\(name) has no \(direction.rawValue.lowercased())")
        }
        return type
    }

    private static func apiName(_ text: String) -> String? {
        if let key = Int16(text) { return ApiKey(rawValue: key)?.name }
        return messages[text + Direction.request.rawValue] == nil ? nil : text
    }
}
