import COpenSSL
import Glibc
import Security

/// Until when a certificate holds that settings name.
package struct CertificateValidity: Sendable, Equatable {
    /// The file, or the settings key, that holds it.
    package var place: String
    /// In RFC 2253's form.
    package var subject: String
    /// In seconds since 1970.
    package var endsAtUnixSeconds: Int64

    /// One's own certificate with the chain above it, then the authorities one trusts, as files have them now; those of
    /// the operating system are not among them.
    package static func all(in settings: TLSSettings) throws(TLSFileFault) -> [CertificateValidity] {
        var found: [CertificateValidity] = []
        switch settings.identity {
        case .bundle(let file): found += try of(PEMText(.file(file), inlineName: ""))
        case .separate(_, let chain):
            found += try of(PEMText(chain, inlineName: "ssl.keystore.certificate.chain"))
        case nil: break
        }
        if let trust = settings.trust { found += try of(PEMText(trust, inlineName: "ssl.truststore.certificates")) }
        return found
    }

    private static func of(_ text: PEMText) throws(TLSFileFault) -> [CertificateValidity] {
        var found: [CertificateValidity] = []
        try text.forEachCertificate { certificate throws(TLSFileFault) in
            var end = tm()
            guard ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1,
                let name = COpenSSLName(X509_get_subject_name(certificate))
            else { throw text.fault("a certificate without an end or a subject") }
            defer { free(name) }
            found.append(
                CertificateValidity(
                    place: text.name, subject: String(cString: name), endsAtUnixSeconds: Int64(timegm(&end))))
        }
        return found
    }
}
