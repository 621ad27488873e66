import Glibc
import Logging

/// Log lines on standard error, one `write` each, so that lines of several threads never mix:
/// `2026-11-21T08:00:00.123Z INFO component: message key=value`.
package struct LogLines: LogHandler {
    /// The label of the logger.
    private let component: String
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let descriptor: CInt

    /// - Parameter descriptor: where lines go; open as long as anything logs.
    package init(component: String, level: Logger.Level, descriptor: CInt = STDERR_FILENO) {
        self.component = component
        self.logLevel = level
        self.descriptor = descriptor
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var line = Self.line(
            event, component: component, metadata: metadata,
            unixMilliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
        line.withUTF8 { bytes in
            // Nothing can be done about a log that cannot be written, least of all logging it.
            _ = write(descriptor, bytes.baseAddress, bytes.count)
        }
    }

    /// The whole line with its end; line breaks of the message become `\n`, so that an event stays one line.
    static func line(
        _ event: LogEvent, component: String, metadata: Logger.Metadata, unixMilliseconds: Int64
    ) -> String {
        var line = "\(timestamp(unixMilliseconds)) \(event.level.rawValue.uppercased()) \(component): "
        line += oneLine(event.message.description)
        var all = metadata.merging(event.metadata ?? [:]) { $1 }
        if let error = event.error { all["error"] = "\(error)" }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(oneLine("\(value)"))" }
        return line + "\n"
    }

    private static func oneLine(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) else { return text }
        return text.split(whereSeparator: \.isNewline).joined(separator: "\\n")
    }

    /// ISO 8601 in UTC, with milliseconds.
    package static func timestamp(_ unixMilliseconds: Int64) -> String {
        var seconds = time_t(unixMilliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ number: some BinaryInteger, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
        let time = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(date)T\(time).\(padded(unixMilliseconds % 1000, 3))Z"
    }
}

/// Makes every logger of the process write ``LogLines``. Once, before the first logger is made.
package func bootstrapLogging(level: Logger.Level = .info) {
    LoggingSystem.bootstrap { LogLines(component: $0, level: level) }
}
