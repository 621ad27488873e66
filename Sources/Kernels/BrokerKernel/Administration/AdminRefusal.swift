import Controller
import KafkaProtocol

/// Why something an administrator asked for is not done, as the reply says it.
struct AdminRefusal: Error {
    var error: ErrorCode
    var message: String

    init(_ error: ErrorCode, _ message: String) {
        self.error = error
        self.message = message
    }

    static func timedOut(_ message: String) -> AdminRefusal { AdminRefusal(.requestTimedOut, message) }

    /// nil when the change is done.
    init?(_ outcome: TreeOutcome) {
        switch outcome {
        case .done, .unchanged: return nil
        case .refused(let code, let message): self.init(ErrorCode(rawValue: code), message)
        case .unavailable:
            self.init(.requestTimedOut, "The coordinator does not answer; whether the change was made is not known.")
        }
    }
}
