import COpenSSL

/// Why a TLS connection could not be established or broke.
struct TLSFault: Error, Equatable, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// A key or certificate that cannot be used: where it came from, and what is wrong with it.
package struct TLSFileFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// A path, or the settings key of inline PEM.
    package var file: String
    package var cause: String

    package var description: String { "\(file): \(cause)" }
}

/// OpenSSL's error queue, which belongs to the thread.
enum OpenSSLErrors {
    /// The reason of the oldest error, in OpenSSL's words; empties the queue.
    static func take() -> String? {
        takeCode().map(text)
    }

    /// The oldest error's code; empties the queue.
    static func takeCode() -> UInt? {
        let code = ERR_get_error()
        ERR_clear_error()
        return code == 0 ? nil : code
    }

    static func text(_ code: UInt) -> String {
        if let reason = ERR_reason_error_string(code) { return String(cString: reason) }
        return "OpenSSL error \(code)"
    }
}
