/// How a listener protects its connections; raw values are the names in `listener.security.protocol.map` and
/// `security.protocol`.
package enum SecurityProtocol: String, Sendable, CaseIterable {
    case plaintext = "PLAINTEXT"
    case ssl = "SSL"
    case saslPlaintext = "SASL_PLAINTEXT"
    case saslSSL = "SASL_SSL"

    package var usesTLS: Bool { self == .ssl || self == .saslSSL }
    package var usesSASL: Bool { self == .saslPlaintext || self == .saslSSL }
}

/// How far a connection has come in saying who it acts for.
package enum Authentication: Sendable, Equatable {
    /// A SASL exchange has to come before any other request.
    case awaited
    /// ``KafkaPrincipal/anonymous`` when the listener asks for nothing.
    case established(KafkaPrincipal)
}
