import Testing

@testable import Transport

@Suite struct SASLExchangeTests {
    // A name that Kerberos finds without asking a name server.
    private static let host = "localhost"

    private let settings = SASLServerSettings(service: "zookeeper", host: Self.host) { user in
        ["bob": "secret", "müller": "pässword"][user]
    }

    private func client(
        _ mechanism: SASLMechanism, _ user: String, _ password: String
    ) throws(SASLFailure) -> SASLClientExchange {
        try SASLClientExchange(
            mechanism, service: "zookeeper", host: Self.host, user: user, password: password)
    }

    /// Lets the two talk until the server has made up its mind, and the client about the server.
    private func authenticate(_ client: SASLClientExchange, to server: SASLServerExchange) throws(SASLFailure) {
        var said = try client.step([]).token
        while true {
            let answer = try server.step(said ?? [])
            if case .done(nil) = answer { return }
            said = try client.step(answer.token ?? []).token
            if case .done = answer { return }
        }
    }

    @Test(arguments: [SASLMechanism.digestMD5, .plain, .scramSHA256, .scramSHA512])
    func aUserIsWhoItsPasswordProves(mechanism: SASLMechanism) throws {
        let server = SASLServerExchange(mechanism, settings)
        try authenticate(try client(mechanism, "bob", "secret"), to: server)
        #expect(server.user == "bob")
    }

    /// The library's client remembers servers by their names.
    @Test func nothingIsCarriedOverToTheNextExchange() throws {
        for _ in 0..<3 {
            let client = try client(.digestMD5, "bob", "secret")
            #expect(try client.step([]) == .challenge([]))
            let server = SASLServerExchange(.digestMD5, settings)
            guard case .challenge(let challenge) = try server.step([]) else {
                throw SASLFailure("an exchange of other steps")
            }
            guard case .challenge(let answer) = try client.step(challenge) else {
                throw SASLFailure("an exchange of other steps")
            }
            guard case .done(let last?) = try server.step(answer) else {
                throw SASLFailure("an exchange of other steps")
            }
            #expect(try client.step(last) == .done(lastToken: nil))
        }
    }

    @Test func namesAndPasswordsBeyondASCII() throws {
        let server = SASLServerExchange(.digestMD5, settings)
        try authenticate(try client(.digestMD5, "müller", "pässword"), to: server)
        #expect(server.user == "müller")
    }

    @Test(
        arguments: [SASLMechanism.digestMD5, .plain, .scramSHA256], [("bob", "wrong"), ("eve", "secret"), ("bob", "")])
    func whoDoesNotKnowThePasswordIsRefused(mechanism: SASLMechanism, credentials: (String, String)) throws {
        let server = SASLServerExchange(mechanism, settings)
        #expect(throws: SASLFailure.self) {
            try authenticate(try client(mechanism, credentials.0, credentials.1), to: server)
        }
        #expect(server.user == nil)
    }

    @Test func anExchangeThatIsOverTakesNoMoreTokens() throws {
        let server = SASLServerExchange(.plain, settings)
        #expect(throws: SASLFailure.self) { try server.step(Array("\0bob\0wrong".utf8)) }
        let second = #expect(throws: SASLFailure.self) { try server.step(Array("\0bob\0secret".utf8)) }
        #expect(second?.description == "PLAIN: a token after the end of the exchange")
        #expect(server.user == nil)
    }

    @Test func aTokenBeyondMeasureIsRefused() {
        let server = SASLServerExchange(.digestMD5, settings)
        let failure = #expect(throws: SASLFailure.self) { try server.step(Array(repeating: 65, count: 1 << 20)) }
        #expect(failure?.description == "DIGEST-MD5: a token of 1048576 bytes, 65536 are allowed")
    }

    /// Whatever comes, at whatever step: a refusal, and no user.
    @Test(arguments: [SASLMechanism.digestMD5, .plain, .scramSHA256, .gssapi])
    func nonsenseIsRefused(mechanism: SASLMechanism) throws {
        for length in 1...300 {
            let server = SASLServerExchange(mechanism, settings)
            if length % 2 == 0, mechanism == .digestMD5 { _ = try server.step([]) }
            var token = (0..<length).map { _ in UInt8.random(in: .min ... .max) }
            while token.first == 0 { token[0] = .random(in: .min ... .max) }
            #expect(throws: SASLFailure.self) {
                while case .challenge = try server.step(token) {}
            }
            #expect(server.user == nil)
        }
    }

    /// A right answer with one byte of it changed.
    @Test func aTokenThatWasTamperedWithIsRefused() throws {
        var accepted = 0
        for place in 0..<150 {
            let server = SASLServerExchange(.digestMD5, settings)
            let client = try client(.digestMD5, "bob", "secret")
            _ = try client.step([])
            guard var answer = try client.step(try server.step([]).token ?? []).token, place < answer.count else {
                continue
            }
            answer[place] ^= 1
            do { _ = try server.step(answer) } catch { continue }
            // A letter of a keyword that the mechanism ignores, perhaps; never of another user.
            accepted += 1
            #expect(server.user == "bob")
        }
        #expect(accepted < 20)
    }
}

extension SASLStep {
    fileprivate var token: [UInt8]? {
        switch self {
        case .challenge(let token): token
        case .done(let lastToken): lastToken
        }
    }
}
