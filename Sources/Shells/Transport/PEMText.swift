import COpenSSL
import Glibc
import Security

/// The text of a PEM file, or PEM given in the settings, and where it came from.
struct PEMText {
    /// The path, or the settings key.
    let name: String
    private let bytes: [CChar]

    /// More than any bundle of certificates; a mistaken path to something large is refused early.
    private static let maximumSize = 16 << 20

    init(_ source: TLSSettings.PEMSource, inlineName: String) throws(TLSFileFault) {
        switch source {
        case .inline(let text):
            name = inlineName
            bytes = text.utf8.map { CChar(bitPattern: $0) }
        case .file(let path):
            name = path
            bytes = try Self.read(path)
        }
    }

    private static func read(_ path: String) throws(TLSFileFault) -> [CChar] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TLSFileFault(file: path, cause: systemText(errno)) }
        defer { close(descriptor) }
        var bytes: [CChar] = []
        var part = [CChar](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw TLSFileFault(file: path, cause: systemText(errno)) }
            guard count > 0 else { return bytes }
            bytes += part[..<count]
            guard bytes.count <= maximumSize else { throw TLSFileFault(file: path, cause: "too large for a PEM file") }
        }
    }

    private static func systemText(_ code: Int32) -> String {
        String(cString: strerror(code))
    }

    /// `cause`, with what OpenSSL said last.
    func fault(_ cause: String) -> TLSFileFault {
        TLSFileFault(file: name, cause: OpenSSLErrors.take().map { "\(cause) (\($0))" } ?? cause)
    }

    /// Owned by the caller.
    func privateKey(password: String?) throws(TLSFileFault) -> OpaquePointer {
        ERR_clear_error()
        guard has("PRIVATE KEY-----") else { throw fault("no private key in it") }
        if password == nil, has("BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED") {
            throw fault("the private key is encrypted and ssl.key.password is not set")
        }
        guard let key = COpenSSLReadKey(bytes, Int32(bytes.count), password) else {
            let refused = fault("unreadable private key")
            throw password == nil
                ? refused : TLSFileFault(file: name, cause: "\(refused.cause); is ssl.key.password right?")
        }
        return key
    }

    private func has(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { searched in
            bytes.withUnsafeBytes { bytes in bytes.firstRange(of: searched) != nil }
        }
    }

    /// Gives each certificate, which lives during the call, in the order of the text. Throws when there is none or one
    /// cannot be read.
    func forEachCertificate(_ body: (OpaquePointer) throws(TLSFileFault) -> Void) throws(TLSFileFault) {
        ERR_clear_error()
        guard let bio = BIO_new_mem_buf(bytes, Int32(bytes.count)) else { throw fault("no memory") }
        defer { BIO_free(bio) }
        var count = 0
        while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) {
            defer { X509_free(certificate) }
            count += 1
            try body(certificate)
        }
        let code = ERR_peek_last_error()
        guard COpenSSLErrorLibrary(code) == ERR_LIB_PEM, COpenSSLErrorReason(code) == PEM_R_NO_START_LINE else {
            throw fault("unreadable certificate")
        }
        ERR_clear_error()
        guard count > 0 else { throw fault("no certificate in it") }
    }
}
