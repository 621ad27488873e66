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

        package static func == (left: Reason, right: Reason) -> Bool { "\(left)" == "\(right)" }
    }

    package var reason: Reason
    /// Where in the frame it was noticed, in bytes from its start.
    package var position: Int

    package init(_ reason: Reason, at position: Int) {
        self.reason = reason
        self.position = position
    }

    package var description: String {
        if case .custom(let text) = reason { return "\(text) at byte \(position)" }
        return "\(reason) at byte \(position)"
    }
}
