/// A schema file that cannot be used; the text names the file and the line.
package struct SchemaError: Error, Equatable, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var reason: String

    package init(file: String, line: Int, reason: String) {
        self.file = file
        self.line = line
        self.reason = reason
    }

    package var description: String { "\(file):\(line): \(reason)" }
}
