import COpenSSL
import NIOCore

/// What a client shows to go on with a session: 16 bytes that follow from its id and a secret of the data directory, so
/// that they outlive a restart without being kept anywhere.
struct SessionPassword: Sendable {
    static let size = 16

    private let secret: [UInt8]

    /// - Parameter secret: ``SessionSecret/size`` bytes that nobody else knows.
    init(secret: [UInt8]) {
        precondition(secret.count == SessionSecret.size, "a session secret of \(secret.count) bytes")
        self.secret = secret
    }

    func password(of session: Int64) -> ByteBuffer {
        let id = withUnsafeBytes(of: session.bigEndian) { Array($0) }
        var digest = [UInt8](repeating: 0, count: 32)
        let outcome = HMAC(EVP_sha256(), secret, CInt(secret.count), id, id.count, &digest, nil)
        precondition(outcome != nil, "OpenSSL computes no HMAC")
        return ByteBuffer(bytes: digest[..<Self.size])
    }

    /// Takes as long for wrong passwords as for right ones.
    func isPassword(_ password: ByteBuffer, of session: Int64) -> Bool {
        guard password.readableBytes == Self.size else { return false }
        return zip(password.readableBytesView, self.password(of: session).readableBytesView)
            .reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
