import COpenSSL
import NIOCore
import ZooKeeperProtocol

/// Identities of the scheme `digest`: a user's name and a hash of name and password together.
enum DigestIdentity {
    static let scheme = "digest"

    /// The identity that an auth packet with `credentials`, `user:password`, proves; nil when they have another form.
    static func of(_ credentials: ByteBuffer) -> ZooKeeperID? {
        guard let text = String(validating: credentials.readableBytesView, as: UTF8.self),
            let colon = text.firstIndex(of: ":")
        else { return nil }
        return ZooKeeperID(scheme: scheme, id: "\(text[..<colon]):\(base64(sha1(text)))")
    }

    private static func sha1(_ text: String) -> [UInt8] {
        var text = text
        var digest = [UInt8](repeating: 0, count: 20)
        let outcome = text.withUTF8 { EVP_Digest($0.baseAddress, $0.count, &digest, nil, EVP_sha1(), nil) }
        precondition(outcome == 1, "OpenSSL computes no SHA-1")
        return digest
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        // With a zero byte at its end.
        var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let count = EVP_EncodeBlock(&text, bytes, CInt(bytes.count))
        return String(decoding: text[..<Int(count)], as: UTF8.self)
    }
}
