import COpenSSL

/// What a server keeps to see that a user knows its password (RFC 5802): a secret all the same, for who has it can pretend
/// to be the server, and try passwords.
package struct SCRAMCredential: Sendable, Equatable {
    package let salt: [UInt8]
    package let storedKey: [UInt8]
    package let serverKey: [UInt8]
    package let iterations: Int32

    package init(salt: [UInt8], storedKey: [UInt8], serverKey: [UInt8], iterations: Int32) {
        self.salt = salt
        self.storedKey = storedKey
        self.serverKey = serverKey
        self.iterations = iterations
    }

    /// What follows from a salted password, as an administrator's client sends it.
    package init(saltedPassword: [UInt8], salt: [UInt8], iterations: Int32, _ mechanism: SCRAMMechanism) {
        let clientKey = mechanism.authenticationCode(of: "Client Key", key: saltedPassword)
        self.init(
            salt: salt, storedKey: mechanism.hash(clientKey),
            serverKey: mechanism.authenticationCode(of: "Server Key", key: saltedPassword), iterations: iterations)
    }

    // MARK: In the tree

    /// Reads ``text``; nil when it is none of Apache's.
    package init?(_ text: String) {
        var fields: [Substring: Substring] = [:]
        for field in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let mark = field.firstIndex(of: "=") else { return nil }
            let value = field[field.index(after: mark)...]
            guard fields.updateValue(value, forKey: field[..<mark]) == nil else { return nil }
        }
        func bytes(_ name: Substring) -> [UInt8]? { fields[name].flatMap { Base64.bytes(String($0)) } }
        guard fields.count == 4, let iterations = fields["iterations"].flatMap({ Int32($0) }), iterations > 0,
            let salt = bytes("salt"), let storedKey = bytes("stored_key"), let serverKey = bytes("server_key")
        else { return nil }
        self.init(salt: salt, storedKey: storedKey, serverKey: serverKey, iterations: iterations)
    }

    /// As Apache's brokers write it into the coordination tree, with its secrets.
    package var text: String {
        "salt=\(Base64.text(salt)),stored_key=\(Base64.text(storedKey)),server_key=\(Base64.text(serverKey)),"
            + "iterations=\(iterations)"
    }

    /// By what one knows a credential again without knowing it: 16 bytes that follow from its salt and iterations, which a
    /// server tells everybody who knocks. Nothing is in them that could help to try passwords.
    package var fingerprint: [UInt8] {
        Array(SCRAMMechanism.sha256.hash(Array("salt=\(Base64.text(salt)),iterations=\(iterations)".utf8)).prefix(16))
    }
}

extension SCRAMCredential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// For people: without what is secret.
    package var description: String { "iterations=\(iterations)" }

    package var debugDescription: String { description }

    package var customMirror: Mirror { Mirror(self, children: ["iterations": iterations]) }
}

/// Bytes as text, with padding (RFC 4648).
private enum Base64 {
    static func text(_ bytes: [UInt8]) -> String {
        // With a zero byte at its end.
        var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let count = EVP_EncodeBlock(&text, bytes, CInt(bytes.count))
        return String(decoding: text[..<Int(count)], as: UTF8.self)
    }

    /// nil when `text` is not what ``text(_:)`` gives.
    static func bytes(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        let padding = characters.suffix(2).count { $0 == UInt8(ascii: "=") }
        var bytes = [UInt8](repeating: 0, count: characters.count / 4 * 3)
        guard !bytes.isEmpty || characters.isEmpty,
            EVP_DecodeBlock(&bytes, characters, CInt(characters.count)) == CInt(bytes.count)
        else { return nil }
        bytes.removeLast(padding)
        return Base64.text(bytes) == text ? bytes : nil
    }
}
