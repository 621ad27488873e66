import Glibc

/// A configuration file that cannot be read.
package struct UnreadableSettings: Error, Sendable, Equatable, CustomStringConvertible {
    package var path: String
    package var reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    package var description: String { "cannot read \(path): \(reason)" }
}

extension PropertiesFile {
    /// No configuration is longer; what is, is something else.
    private static let largestSize = 16 << 20

    /// Reads the file at `path`, which must be UTF-8.
    package init(reading path: String) throws(UnreadableSettings) {
        self.init(path: path, text: try Self.text(reading: path))
    }

    /// The lines of a file of any other form.
    package static func lines(reading path: String) throws(UnreadableSettings) -> [String] {
        try text(reading: path).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
    }

    /// All of a file of any other form.
    package static func text(reading path: String) throws(UnreadableSettings) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw UnreadableSettings(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw UnreadableSettings(path: path, reason: String(cString: strerror(errno)))
            }
            bytes += buffer[..<count]
            guard bytes.count <= largestSize else {
                throw UnreadableSettings(path: path, reason: "longer than any configuration")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw UnreadableSettings(path: path, reason: "not UTF-8")
        }
        return text
    }
}
