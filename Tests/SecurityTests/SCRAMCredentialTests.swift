import Testing

@testable import Security

@Suite("Credentials of SCRAM")
struct SCRAMCredentialTests {
    /// As Apache's brokers of release 3.9 have written them for user dave, from his salted passwords.
    private let apache: [SCRAMMechanism: String] = [
        .sha256: "salt=c2FsdC1vZi1kYXZl,stored_key=XVPd02s81l3xV+tO8r6y+vHpcjwyekxrv6RAIreLbKw=,"
            + "server_key=M6TALAVAfYn2lHWlw9BZMO5aHHClpUJw1UqRen90bJA=,iterations=4096",
        .sha512: "salt=c2FsdC1vZi1kYXZlLTUxMg==,"
            + "stored_key=KBJM0+YArnFMk2cWoujlUajxfSYq0W6qxL5oj9QbnrnNkHA8//87qQ+A4OGx1m6nFmrUaU4lIt3fv8eO1m7IfA==,"
            + "server_key=173XE331TU9Fa2rXti1opkPmVe4WjQjiU4KMNwPpu1HvkRf8ZWjUJZs7/B3ZySyZvfy1SOuf7JNlPPBpNwX2Xg==,"
            + "iterations=8192",
    ]

    @Test("What Apache's brokers write is read, and written the same")
    func apacheText() throws {
        for text in apache.values { #expect(try #require(SCRAMCredential(text)).text == text) }
        #expect(SCRAMCredential(apache[.sha256] ?? "")?.salt == Array("salt-of-dave".utf8))
    }

    @Test("Keys follow from a password as the RFC's example has it")
    func rfc7677() throws {
        // RFC 7677, section 3: the client's proof and the server's signature hold for these keys.
        let salt: [UInt8] = [
            0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81,
        ]
        let salted = SCRAMMechanism.sha256.saltedPassword("pencil", salt: salt, iterations: 4096)
        let credential = SCRAMCredential(saltedPassword: salted, salt: salt, iterations: 4096, .sha256)
        let message =
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            + "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
        let signature = SCRAMMechanism.sha256.authenticationCode(of: message, key: credential.serverKey)
        // v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=
        #expect(
            signature == [
                0xea, 0xba, 0xe2, 0x4d, 0x10, 0x62, 0xdb, 0x75, 0xa9, 0x45, 0x1f, 0xf0, 0xb6, 0xea, 0x7e, 0x98,
                0xc8, 0x54, 0x65, 0x49, 0xff, 0x74, 0x1e, 0x67, 0x2d, 0x32, 0x51, 0xb2, 0x39, 0x7d, 0xe4, 0x6e,
            ])
        let proofKey = SCRAMMechanism.sha256.authenticationCode(of: "Client Key", key: salted)
        #expect(SCRAMMechanism.sha256.hash(proofKey) == credential.storedKey)
    }

    @Test("What is no credential is none")
    func malformed() {
        let good = apache[.sha256] ?? ""
        for text in [
            "", "salt", good + ",", good + ",iterations=4096", good.replacing("=4096", with: "=0"),
            good.replacing("=4096", with: "=many"), good.replacing("salt=c2Fs", with: "salt=c2F"),
            good.replacing("c2FsdC1vZi1kYXZl", with: "c2Fs C1vZi1kYXZl"), good.replacing("stored_key", with: "key"),
        ] { #expect(SCRAMCredential(text) == nil, "\(text)") }
    }

    @Test("No words about a credential tell its keys")
    func description() throws {
        let credential = try #require(SCRAMCredential(apache[.sha256] ?? ""))
        var dumped = ""
        dump(credential, to: &dumped)
        for words in ["\(credential)", String(reflecting: credential), dumped] {
            #expect(words.contains("4096") && !words.contains("93") && !words.contains("XVPd") && words.count < 200)
        }
    }

    @Test("A fingerprint tells salts apart, and knows nothing of keys")
    func fingerprint() throws {
        let one = try #require(SCRAMCredential(apache[.sha256] ?? ""))
        let same = try #require(SCRAMCredential(one.text))
        let other = SCRAMCredential(
            salt: one.salt, storedKey: one.storedKey, serverKey: one.serverKey, iterations: 4097)
        let rekeyed = SCRAMCredential(salt: one.salt, storedKey: [1], serverKey: [2], iterations: 4096)
        #expect(one.fingerprint == same.fingerprint && one.fingerprint != other.fingerprint)
        #expect(one.fingerprint == rekeyed.fingerprint && one.fingerprint.count == 16)
    }
}
