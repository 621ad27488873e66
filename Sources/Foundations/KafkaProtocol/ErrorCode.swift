/// How a request or a part of it went; 0 is success. Numbers that nobody here knows are kept as they came.
package struct ErrorCode: RawRepresentable, Error, Hashable, CustomStringConvertible {
    package var rawValue: Int16

    package init(rawValue: Int16) {
        self.rawValue = rawValue
    }

    package var description: String { name ?? "error \(rawValue)" }
}
