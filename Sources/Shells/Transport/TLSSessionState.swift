import COpenSSL
import Glibc
import NIOCore

/// One TLS session over NIO's buffers: what is read is decrypted from the buffer it came in, what is written is
/// encrypted into the buffer that goes out. Used on one event loop.
final class TLSSessionState {
    enum Progress: Equatable {
        case needsInput
        case done
        /// The peer has said that nothing follows.
        case ended
    }

    let pointer: OpaquePointer
    private let window: UnsafeMutablePointer<COpenSSLWindow>

    /// Room for what the library may write besides: a flight of the handshake, an alert.
    private static let handshakeRoom = 16 * 1024
    private static let alertRoom = 1024
    /// The most plaintext in one record, and more than any suite of TLS 1.2 and 1.3 adds to it.
    private static let recordSize = 16 * 1024
    private static let recordOverhead = 128

    init(context: OpaquePointer) throws(TLSFault) {
        window = .allocate(capacity: 1)
        window.initialize(to: COpenSSLWindow())
        guard let pointer = COpenSSLNewSession(context, window) else {
            window.deallocate()
            throw TLSFault(OpenSSLErrors.take() ?? "OpenSSL made no session")
        }
        self.pointer = pointer
    }

    deinit {
        COpenSSLFreeSession(pointer, window)
        window.deallocate()
    }

    /// Goes on with the handshake; `input` is taken as far as it is of use.
    func handshake(_ input: inout ByteBuffer, into output: inout ByteBuffer) throws(TLSFault) -> Progress {
        try run(&input, &output, room: Self.handshakeRoom) { SSL_do_handshake(self.pointer) }
    }

    /// Decrypts all of `input` that makes whole records.
    func decrypt(
        _ input: inout ByteBuffer, into plaintext: inout ByteBuffer, output: inout ByteBuffer
    ) throws(TLSFault) -> Progress {
        plaintext.reserveCapacity(minimumWritableBytes: input.readableBytes + Self.recordSize)
        while true {
            var count = 0
            let progress = try run(&input, &output, room: Self.alertRoom) {
                var read = 0
                let room = max(plaintext.writableBytes, Self.recordSize)
                let result = plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                    read = Int(SSL_read(self.pointer, target.baseAddress, Int32(clamping: target.count)))
                    return max(read, 0)
                }
                count = result
                return Int32(read)
            }
            guard progress == .done, count > 0 else { return progress }
        }
    }

    /// Encrypts all of `plaintext`, appending to `output`.
    func encrypt(_ plaintext: ByteBuffer, into output: inout ByteBuffer) throws(TLSFault) {
        var plaintext = plaintext
        let records = plaintext.readableBytes / Self.recordSize + 1
        output.reserveCapacity(
            minimumWritableBytes: plaintext.readableBytes + records * Self.recordOverhead + Self.alertRoom)
        var noInput = ByteBuffer()
        while plaintext.readableBytes > 0 {
            let progress = try run(&noInput, &output, room: Self.recordSize + Self.recordOverhead) {
                plaintext.readWithUnsafeReadableBytes { source in
                    let written = SSL_write(self.pointer, source.baseAddress, Int32(clamping: source.count))
                    return (max(Int(written), 0), written)
                }
            }
            guard progress == .done else { throw TLSFault("the peer wants to negotiate anew, which is not allowed") }
        }
    }

    /// Says that nothing follows.
    func end(into output: inout ByteBuffer) {
        ERR_clear_error()
        withOutput(&output, room: Self.alertRoom) { _ = SSL_shutdown(self.pointer) }
        ERR_clear_error()
    }

    /// Calls the library until it no longer stops for want of room.
    private func run(
        _ input: inout ByteBuffer, _ output: inout ByteBuffer, room: Int, _ call: () -> Int32
    ) throws(TLSFault) -> Progress {
        while true {
            // The queue belongs to the thread: what another session left there would be taken for ours.
            ERR_clear_error()
            let code = input.readWithUnsafeReadableBytes { source -> (Int, Int32) in
                window.pointee.in = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
                window.pointee.inLeft = source.count
                var code = SSL_ERROR_NONE
                withOutput(&output, room: room) {
                    let result = call()
                    code = result > 0 ? SSL_ERROR_NONE : SSL_get_error(pointer, result)
                }
                let taken = source.count - window.pointee.inLeft
                window.pointee.in = nil
                window.pointee.inLeft = 0
                return (taken, code)
            }
            switch code {
            case SSL_ERROR_NONE: return .done
            case SSL_ERROR_WANT_READ: return .needsInput
            case SSL_ERROR_WANT_WRITE: continue
            case SSL_ERROR_ZERO_RETURN: return .ended
            default: throw fault()
            }
        }
    }

    private func withOutput(_ output: inout ByteBuffer, room: Int, _ body: () -> Void) {
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            window.pointee.out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            window.pointee.outLeft = target.count
            body()
            let written = target.count - window.pointee.outLeft
            window.pointee.out = nil
            window.pointee.outLeft = 0
            return written
        }
    }

    // MARK: What came of it

    private func fault() -> TLSFault {
        let code = OpenSSLErrors.takeCode()
        if window.pointee.refusedError != X509_V_OK {
            let subject = window.pointee.refusedSubject.map { String(cString: $0) } ?? "unknown subject"
            let cause = String(cString: X509_verify_cert_error_string(Int(window.pointee.refusedError)))
            return TLSFault("the certificate of \(subject) is refused: \(cause)")
        }
        guard let code else { return TLSFault("the connection broke") }
        guard COpenSSLErrorLibrary(code) == ERR_LIB_SSL else { return TLSFault(OpenSSLErrors.text(code)) }
        let reason = COpenSSLErrorReason(code)
        if let meaning = TLSAlert.meaning(ofReason: reason) {
            return TLSFault("\(meaning) (\(OpenSSLErrors.text(code)))")
        }
        switch reason {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return TLSFault("the client shows no certificate, which this listener requires")
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_RECORD_TOO_SMALL:
            return TLSFault("the peer does not speak TLS, or no version in use here (\(OpenSSLErrors.text(code)))")
        default:
            return TLSFault(OpenSSLErrors.text(code))
        }
    }

    var session: TLSSession {
        TLSSession(
            version: String(cString: SSL_get_version(pointer)),
            cipherSuite: SSL_get_current_cipher(pointer).flatMap { SSL_CIPHER_get_name($0) }
                .map { String(cString: $0) } ?? "none")
    }

    /// Nil when the peer showed none.
    func peerCertificate() -> PeerCertificate? {
        guard let certificate = SSL_get1_peer_certificate(pointer) else { return nil }
        defer { X509_free(certificate) }
        return PeerCertificate(
            subject: Self.text(X509_get_subject_name(certificate)),
            issuer: Self.text(X509_get_issuer_name(certificate)))
    }

    private static func text(_ name: OpaquePointer?) -> String {
        guard let text = COpenSSLName(name) else { return "" }
        defer { free(text) }
        return String(cString: text)
    }
}
