import KafkaProtocol
import WireCoding

/// Why a request to a cluster did not succeed.
public struct ClientFault: Error, Sendable, CustomStringConvertible {
    /// What kind of fault it is.
    public enum Kind: Sendable, Equatable {
        /// No connection could be made.
        case unreachable
        /// The connection ended before the answer came; the request may have taken effect.
        case disconnected
        /// No answer within the time allowed; the request may have taken effect.
        case timedOut
        /// The cluster answered with this error code of the protocol.
        case refused(code: Int16)
        /// The broker does not know the request in a version known here.
        case unsupported
        /// The answer made no sense.
        case malformed
        /// The client was closed, or is used against its rules.
        case misused
    }

    public var kind: Kind
    /// For people: what was tried and what came of it.
    public var description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// A refusal by the cluster. `subject` is what was asked for: `topic orders`.
    package static func refused(_ code: ErrorCode, _ subject: String, _ message: String? = nil) -> ClientFault {
        ClientFault(.refused(code: code.rawValue), "\(subject): \(message ?? "\(code)")")
    }

    /// What the answer refuses; nil when `code` is 0.
    package init?(_ code: Int16, _ subject: String, _ message: String? = nil) {
        guard code != 0 else { return nil }
        self = .refused(ErrorCode(rawValue: code), subject, message)
    }

    /// Throws when `code` is not 0.
    package static func check(_ code: Int16, _ subject: String, _ message: String? = nil) throws(ClientFault) {
        if let fault = ClientFault(code, subject, message) { throw fault }
    }

    /// The protocol's error, for a refusal.
    package var code: ErrorCode? {
        guard case .refused(let code) = kind else { return nil }
        return ErrorCode(rawValue: code)
    }

    /// Whether the same request may succeed a little later.
    public var isRetriable: Bool {
        switch kind {
        case .unreachable, .disconnected, .timedOut: true
        case .refused(let code): ErrorCode(rawValue: code).isRetriable
        case .unsupported, .malformed, .misused: false
        }
    }
}
