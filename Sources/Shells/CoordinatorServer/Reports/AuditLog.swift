import CoordinatorKernel
import Glibc
import Logging
import Telemetry

/// Where audit lines go.
package struct AuditSettings: Sendable, Equatable {
    /// A file that they are appended to (`audit.logFile`); nil for the log of everything else.
    package var file: String?

    package init(file: String? = nil) { self.file = file }
}

/// The audit log: lines of the logger `audit`, in the form of Apache ZooKeeper's.
struct AuditLog: Sendable {
    /// Why nothing can be audited.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Closed with the last reference.
    private final class LogFile: Sendable {
        let descriptor: CInt

        init(_ path: String) throws(Failure) {
            descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
            guard descriptor >= 0 else {
                throw Failure(description: "cannot open the audit log \(path): \(String(cString: strerror(errno)))")
            }
        }

        deinit { close(descriptor) }
    }

    private let logger: Logger
    private let file: LogFile?
    /// The user whom the server runs as, in whose name it does what no client asks for.
    private let server: String

    /// Opens the file, if the lines have one of their own. Whoever rotates it has to copy and truncate it.
    init(_ settings: AuditSettings) throws(Failure) {
        server = Self.userName
        guard let path = settings.file else {
            file = nil
            logger = Logger(label: "audit")
            return
        }
        let file = try LogFile(path)
        self.file = file
        logger = Logger(label: "audit") { LogLines(component: $0, level: .info, descriptor: file.descriptor) }
    }

    func write(_ entry: AuditEntry) {
        logger.log(level: entry.result == .failure ? .error : .info, "\(entry.line(server: server))")
    }

    private static var userName: String {
        guard let entry = getpwuid(geteuid()), let name = entry.pointee.pw_name else { return "\(geteuid())" }
        return String(cString: name)
    }
}
