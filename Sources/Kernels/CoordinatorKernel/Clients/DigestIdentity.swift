import COpenSSL
import NIOCore
import ZooKeeperProtocol

/// Identities of the scheme `digest`: a user's name and a hash of name and password together.
enum DigestIdentity {
    static let scheme = "digest"

    /// The identity that an auth packet with `credentials`, `user:password`, proves. Without a password all of them are
    /// the user's name, as Apache ZooKeeper has it.
    static func of(_ credentials: ByteBuffer, hashedBy algorithm: DigestAlgorithm) -> ZooKeeperID {
        let text = String(decoding: credentials.readableBytesView, as: UTF8.self)
        let user = text.prefix { $0 != ":" }
        return ZooKeeperID(scheme: scheme, id: "\(user):\(base64(hash(text, algorithm)))")
    }

    private static func hash(_ text: String, _ algorithm: DigestAlgorithm) -> [UInt8] {
        var text = text
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var size: CUnsignedInt = 0
        let outcome = text.withUTF8 { EVP_Digest($0.baseAddress, $0.count, &digest, &size, algorithm.function, nil) }
        precondition(outcome == 1, "OpenSSL computes no \(algorithm)")
        return Array(digest[..<Int(size)])
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        // With a zero byte at its end.
        var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let count = EVP_EncodeBlock(&text, bytes, CInt(bytes.count))
        return String(decoding: text[..<Int(count)], as: UTF8.self)
    }
}

/// How the scheme `digest` hashes names and passwords, by the names that Java has for it.
package enum DigestAlgorithm: String, Sendable, CaseIterable {
    case sha1 = "SHA1"
    case sha224 = "SHA-224"
    case sha256 = "SHA-256"
    case sha384 = "SHA-384"
    case sha512 = "SHA-512"
    case sha3Of224 = "SHA3-224"
    case sha3Of256 = "SHA3-256"
    case sha3Of384 = "SHA3-384"
    case sha3Of512 = "SHA3-512"

    fileprivate var function: OpaquePointer? {
        switch self {
        case .sha1: EVP_sha1()
        case .sha224: EVP_sha224()
        case .sha256: EVP_sha256()
        case .sha384: EVP_sha384()
        case .sha512: EVP_sha512()
        case .sha3Of224: EVP_sha3_224()
        case .sha3Of256: EVP_sha3_256()
        case .sha3Of384: EVP_sha3_384()
        case .sha3Of512: EVP_sha3_512()
        }
    }
}
