import COpenSSL
import NIOCore

/// What a client shows to go on with a session: 16 bytes that follow from its id and a secret of the data directory, so
/// that they outlive a restart without being kept anywhere.
///
/// Sessions that were taken over from Apache ZooKeeper have passwords of its making as well, which their clients show until
/// they have been given one of ours. Those follow from the id alone, so no other session may be had for one.
struct SessionPassword: Sendable {
    static let size = 16

    private let secret: [UInt8]
    private let inherited: Set<Int64>

    /// - Parameters:
    ///   - secret: ``SessionSecret/size`` bytes that nobody else knows.
    ///   - inherited: the sessions that were taken over from Apache ZooKeeper.
    init(secret: [UInt8], inherited: Set<Int64> = []) {
        precondition(secret.count == SessionSecret.size, "a session secret of \(secret.count) bytes")
        self.secret = secret
        self.inherited = inherited
    }

    func password(of session: Int64) -> ByteBuffer {
        ByteBuffer(bytes: digest(of: withUnsafeBytes(of: session.bigEndian) { Array($0) }))
    }

    /// Names those who share the secret, without telling it: 16 bytes.
    var ensembleID: [UInt8] { digest(of: Array("the id of the ensemble".utf8)) }

    private func digest(of text: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        let outcome = HMAC(EVP_sha256(), secret, CInt(secret.count), text, text.count, &digest, nil)
        precondition(outcome != nil, "OpenSSL computes no HMAC")
        return Array(digest[..<Self.size])
    }

    /// Takes as long for wrong passwords as for right ones.
    func isPassword(_ password: ByteBuffer, of session: Int64) -> Bool {
        Self.areEqual(password, self.password(of: session))
            || inherited.contains(session) && Self.areEqual(password, Self.apachePassword(of: session))
    }

    private static func areEqual(_ shown: ByteBuffer, _ right: ByteBuffer) -> Bool {
        guard shown.readableBytes == size else { return false }
        return zip(shown.readableBytesView, right.readableBytesView).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// The password that Apache ZooKeeper gives: the first bytes of Java's random numbers, whose seed is the id mixed
    /// with a constant.
    private static func apachePassword(of session: Int64) -> ByteBuffer {
        let multiplier: UInt64 = 0x5_deec_e66d
        let mask: UInt64 = (1 << 48) - 1
        var state = ((UInt64(bitPattern: session) ^ 0xb341_5c00) ^ multiplier) & mask
        var password = ByteBuffer()
        while password.readableBytes < size {
            state = (state &* multiplier &+ 0xb) & mask
            password.writeInteger(UInt32(truncatingIfNeeded: state >> 16), endianness: .little)
        }
        return password
    }
}
