import COpenSSL

/// The hash with which users prove their passwords by SCRAM (RFC 5802, RFC 7677), by its number on the wire (KIP-554).
package enum SCRAMMechanism: Int8, Sendable, CaseIterable, Comparable {
    case sha256 = 1
    case sha512 = 2

    /// How often a salted password may have been hashed, as Apache's brokers have it.
    package static let iterations: ClosedRange<Int32> = 4096...16384

    /// As SASL has it: `SCRAM-SHA-256`.
    package var name: String {
        switch self {
        case .sha256: "SCRAM-SHA-256"
        case .sha512: "SCRAM-SHA-512"
        }
    }

    /// nil for other names.
    package init?(name: String) {
        guard let mechanism = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = mechanism
    }

    package static func < (one: SCRAMMechanism, other: SCRAMMechanism) -> Bool { one.rawValue < other.rawValue }

    /// The password as its credential is made of it (`Hi` of RFC 5802): from its bytes in UTF-8, which Apache's clients do
    /// not prepare either.
    /// - Parameter iterations: at least one.
    package func saltedPassword(_ password: String, salt: [UInt8], iterations: Int32) -> [UInt8] {
        var password = password
        var salted = [UInt8](repeating: 0, count: sizeInBytes)
        let outcome = password.withUTF8 { password in
            PKCS5_PBKDF2_HMAC(
                password.baseAddress, CInt(password.count), salt, CInt(salt.count), iterations, function,
                CInt(sizeInBytes), &salted)
        }
        precondition(outcome == 1, "OpenSSL salts no password with \(iterations) iterations")
        return salted
    }

    func hash(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: sizeInBytes)
        let outcome = EVP_Digest(bytes, bytes.count, &digest, nil, function, nil)
        precondition(outcome == 1, "OpenSSL computes no hash for \(name)")
        return digest
    }

    func authenticationCode(of text: String, key: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: sizeInBytes)
        let text = Array(text.utf8)
        let outcome = HMAC(function, key, CInt(key.count), text, text.count, &code, nil)
        precondition(outcome != nil, "OpenSSL computes no HMAC for \(name)")
        return code
    }

    /// Of a hash, and so of each key.
    package var sizeInBytes: Int {
        switch self {
        case .sha256: 32
        case .sha512: 64
        }
    }

    private var function: OpaquePointer? {
        switch self {
        case .sha256: EVP_sha256()
        case .sha512: EVP_sha512()
        }
    }
}
