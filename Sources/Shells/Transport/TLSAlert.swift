import COpenSSL

/// What a peer's fatal alert means for a person (RFC 8446, section 6.2): what the peer did not accept, and the mend.
enum TLSAlert {
    /// - Parameter reason: of an error in OpenSSL's SSL library.
    /// - Returns: nil for reasons that are no alerts, and for alerts that only a defect of either side's program explains.
    static func meaning(ofReason reason: Int32) -> String? {
        switch reason {
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            "the peer trusts no authority that signed our certificate: add its authority to the peer's truststore, or "
                + "show a certificate that the peer trusts"
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            "our certificate is expired, or not yet valid, by the peer's clock: renew it"
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
            "our certificate is revoked: show another"
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
            SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
            "the peer does not accept our certificate: its log says why"
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            "the peer requires a certificate, and we showed none: set ssl.keystore.location"
        case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
            "the peer knows our certificate and denies access"
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
            "the peer found no way to agree: compare ssl.cipher.suites, and show a certificate if the peer requires one"
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            "the peer speaks none of our versions of TLS: compare ssl.enabled.protocols"
        default: nil
        }
    }
}
