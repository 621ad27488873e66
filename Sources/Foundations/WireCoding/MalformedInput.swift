/// Bytes that make no sense where they stand. The connection or file they came from cannot be read on from there.
package struct MalformedInput: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        case truncated
        case negativeLength
        case tooManyElements
        case variableLengthIntegerTooLong
        case invalidUTF8
        case invalidBoolean
        case nullWhereNotAllowed
        case tagsOutOfOrder
        case unsupportedVersion
        case trailingBytes
        case custom(StaticString)

        /// For a person.
        var text: String {
            switch self {
            case .truncated: "the bytes end too early"
            case .negativeLength: "a negative length"
            case .tooManyElements: "more elements than bytes are left"
            case .variableLengthIntegerTooLong: "a variable-length integer that is too long"
            case .invalidUTF8: "text that is not UTF-8"
            case .invalidBoolean: "a boolean that is neither 0 nor 1"
            case .nullWhereNotAllowed: "null where the version has none"
            case .tagsOutOfOrder: "tagged fields out of order"
            case .unsupportedVersion: "a version that the message does not have"
            case .trailingBytes: "bytes left over"
            case .custom(let text): "\(text)"
            }
        }

        package static func == (left: Reason, right: Reason) -> Bool { left.text == right.text }
    }

    package var reason: Reason
    /// Where in the frame it was noticed, in bytes from its start.
    package var position: Int

    package init(_ reason: Reason, at position: Int) {
        self.reason = reason
        self.position = position
    }

    package var description: String { "\(reason.text) at byte \(position)" }
}
