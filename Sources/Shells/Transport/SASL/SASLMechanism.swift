/// A way to authenticate, by the name that goes over the wire.
package enum SASLMechanism: String, Sendable, CaseIterable {
    case plain = "PLAIN"
    case digestMD5 = "DIGEST-MD5"
    case scramSHA256 = "SCRAM-SHA-256"
    case scramSHA512 = "SCRAM-SHA-512"
    /// Kerberos, version 5.
    case gssapi = "GSSAPI"
}

/// What one side of an exchange has to say.
package enum SASLStep: Sendable, Equatable {
    /// The exchange goes on when the peer has answered this.
    case challenge([UInt8])
    /// The exchange has ended well on this side. Some mechanisms end with a token that the peer has to be sent.
    case done(lastToken: [UInt8]?)
}

/// An exchange that has failed, or could not begin. The text is for logs: it says what a peer should not be told.
package struct SASLFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
