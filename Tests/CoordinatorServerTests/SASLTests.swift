import CoordinatorKernel
import FoundationEssentials
import NIOCore
import Settings
import Testing
import Transport
import ZooKeeperProtocol

@testable import CoordinatorServer

@Suite(.timeLimit(.minutes(1))) struct SASLTests {
    private static func settings(_ jaas: String, _ more: String = "") throws -> CoordinatorSettings {
        let file = FileManager.default.temporaryDirectory.appending(path: "jaas-\(UUID().uuidString)")
        try Data(jaas.utf8).write(to: file)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: file) } }
        let text = """
            dataDir=/d
            clientPort=0
            java.security.auth.login.config=\(file.path)
            zookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider
            \(more)
            """
        do {
            return try CoordinatorSettings.read(PropertiesFile(path: "zoo.cfg", text: text)).settings
        } catch {
            throw InvalidSettings(problems: error.problems.map { $0.replacing(file.path, with: "FILE") })
        }
    }

    private static let users = """
        Server {
            org.apache.zookeeper.server.auth.DigestLoginModule required
            user_bob="secret"
            user_admin="more secret";
        };
        """

    private static func running() async throws -> RunningServer {
        let sasl = try settings(users, "zookeeper.superUser.1=admin")
        return try await RunningServer {
            $0.sasl = sasl.sasl
            $0.schemes = sasl.schemes
        }
    }

    private func exchange(_ user: String, _ password: String) throws -> SASLClientExchange {
        try SASLClientExchange(
            .digestMD5, service: "zookeeper", host: "zk-sasl-md5", user: user, password: password)
    }

    /// The error of the last reply, after the exchange has run its course.
    private func authenticate(_ client: BlockingClient, _ user: String, _ password: String) throws -> ZooKeeperError? {
        let exchange = try exchange(user, password)
        guard case .challenge(var token) = try exchange.step([]) else { return nil }
        while true {
            let reply = try client.ask(.sasl(token: ByteBuffer(bytes: token)))
            guard case .token(let answer?) = reply?.body else { return reply?.header.error }
            switch try exchange.step(Array(answer.readableBytesView)) {
            case .challenge(let next): token = next
            case .done(let last):
                #expect(last == nil)
                return reply?.header.error
            }
        }
    }

    // MARK: Serving

    @Test func whoKnowsThePasswordMayReadWhatIsItsOwn() async throws {
        let running = try await Self.running()
        let bob = running.client()
        _ = try bob.connect()
        #expect(try authenticate(bob, "bob", "secret") == .ok)
        let acl = [ACL(.all, ZooKeeperID(scheme: "sasl", id: "bob"))]
        let create = CreateOperation(path: "/bobs", data: nil, acl: acl, mode: .persistent)
        #expect(try bob.ask(.change(.create(create)))?.header.error == .ok)
        #expect(try bob.ask(.getData(path: "/bobs", watch: false))?.header.error == .ok)

        let stranger = running.client()
        _ = try stranger.connect()
        #expect(try stranger.ask(.getData(path: "/bobs", watch: false))?.header.error == .noAuth)
        let admin = running.client()
        _ = try admin.connect()
        #expect(try authenticate(admin, "admin", "more secret") == .ok)
        #expect(try admin.ask(.getData(path: "/bobs", watch: false))?.header.error == .ok)
        try await running.stop()
        #expect(running.lines.all.contains { $0.contains("has shown by SASL to be bob") })
    }

    @Test(arguments: [("bob", "wrong"), ("eve", "secret"), ("bob", "")])
    func whoDoesNotKnowItIsSentAway(user: String, password: String) async throws {
        let running = try await Self.running()
        let client = running.client()
        _ = try client.connect()
        #expect(try authenticate(client, user, password) == .authFailed)
        #expect(client.frame() == nil)
        try await running.stop()
        #expect(running.lines.all.contains { $0.contains("failed to authenticate by SASL: DIGEST-MD5: ") })
    }

    @Test func tokensOfNonsenseEndTheirConnectionAlone() async throws {
        let running = try await Self.running()
        let bystander = running.client()
        _ = try bystander.connect()
        for length in [1, 2, 100, 65536, 65537, 1_000_000] {
            let client = running.client()
            _ = try client.connect()
            _ = try client.ask(.sasl(token: nil))
            let token = ByteBuffer(bytes: (0..<length).map { _ in UInt8.random(in: .min ... .max) })
            #expect(try client.ask(.sasl(token: token))?.header.error == .authFailed)
            #expect(client.frame() == nil)
        }
        // Before there is a session, and in the middle of an exchange.
        let hasty = running.client()
        hasty.send(BlockingClient.request(.sasl(token: nil)))
        #expect(hasty.frame() == nil)
        do {
            let gone = running.client()
            _ = try gone.connect()
            _ = try gone.ask(.sasl(token: nil))
        }
        #expect(try bystander.ask(.ping)?.header.error == .ok)
        #expect(try authenticate(bystander, "bob", "secret") == .ok)
        try await running.stop()
    }

    @Test func requestsBehindATokenAreAnsweredInOrder() async throws {
        let running = try await Self.running()
        let client = running.client()
        _ = try client.connect()
        client.send(BlockingClient.request(.sasl(token: nil), xid: 1))
        for xid: Int32 in 2...200 { client.send(BlockingClient.request(.whoAmI, xid: xid)) }
        #expect(try client.reply(to: .sasl)?.header.xid == 1)
        for xid: Int32 in 2...200 { #expect(try client.reply(to: .whoAmI)?.header.xid == xid) }
        try await running.stop()
    }

    // MARK: Exchanges

    /// Exchanges that end well, ill and not at all; a connection that is gone leaves nothing.
    @Test func exchangesLeaveNothingBehind() throws {
        var exchanges = ClientExchanges(try #require(try Self.settings(Self.users).sasl))
        for number: UInt64 in 0..<300 {
            let id = ConnectionID(number)
            guard case .challenged(let challenge) = exchanges.take(ByteBuffer(), from: id) else {
                Issue.record("no challenge")
                return
            }
            let client = try exchange("bob", number % 3 == 0 ? "secret" : "wrong")
            _ = try client.step([])
            guard number % 3 < 2 else { continue }
            guard case .challenge(let token) = try client.step(Array(challenge.readableBytesView)) else { continue }
            let outcome = exchanges.take(ByteBuffer(bytes: token), from: id)
            if case .proven("bob", _) = outcome { #expect(number % 3 == 0) } else { #expect(number % 3 == 1) }
        }
        #expect(exchanges.count == 100)
        for number: UInt64 in 0..<300 { exchanges.forget(ConnectionID(number)) }
        #expect(exchanges.count == 0)
    }

    // MARK: Settings

    @Test func usersAndSuperUsersAreRead() throws {
        let settings = try Self.settings(
            Self.users,
            """
            superUser=root
            zookeeper.superUser.7=admin
            zookeeper.allowSaslFailedClients=true
            SASLAuthenticationProvider.superPassword=s
            """)
        #expect(settings.schemes.contains("sasl"))
        let sasl = try #require(settings.sasl)
        #expect(sasl.passwords == ["bob": "secret", "admin": "more secret", "super": "s"])
        #expect(sasl.policy.superUsers == ["root", "admin"])
        #expect(sasl.policy.keepsRefusedClients)
        #expect(sasl.kerberos == nil)
        #expect(!settings.entries.contains { $0.value == "s" })
    }

    @Test func kerberosIsRead() throws {
        let jaas = """
            Zoo {
                com.sun.security.auth.module.Krb5LoginModule required
                useKeyTab=true keyTab="\(#filePath)" storeKey=true principal="zookeeper/host.example@EXAMPLE";
            };
            """
        let sasl = try #require(
            try Self.settings(
                jaas,
                """
                zookeeper.sasl.serverconfig=Zoo
                kerberos.removeHostFromPrincipal=true
                zookeeper.kerberos.removeRealmFromPrincipal=true
                """
            ).sasl)
        #expect(sasl.kerberos?.principal.description == "zookeeper/host.example@EXAMPLE")
        #expect(sasl.kerberos?.keytab == #filePath)
        #expect(sasl.mapping.identity(of: "kafka/b1@EXAMPLE") == "kafka")
        #expect(sasl.mapping.identity(of: "kafka/b1@ELSEWHERE") == "kafka/b1@ELSEWHERE")
    }

    @Test(
        arguments: [
            ("Client {};", "there is no section Server"),
            ("Server {};", "neither a user (user_NAME=\"password\") nor a keytab is named"),
            ("Server {", "line 1: section Server lacks a module or its }"),
            (
                "Server { a.B required; };",
                "a.B is not known; known are DigestLoginModule and Krb5LoginModule"
            ),
            (
                "Server { x.Krb5LoginModule required principal=\"zookeeper/h@R\"; };",
                "Krb5LoginModule needs useKeyTab=true: a server has its keys in a keytab"
            ),
            (
                "Server { x.Krb5LoginModule required useKeyTab=true principal=zookeeper; };",
                "Krb5LoginModule needs principal=\"service/host@realm\""
            ),
            (
                "Server { x.Krb5LoginModule required useKeyTab=true keyTab=\"/absent\" principal=\"zookeeper/h@R\"; };",
                "cannot read the keytab /absent: No such file or directory"
            ),
        ])
    func faultsOfTheFileAreNamed(jaas: String, cause: String) {
        let error = #expect(throws: InvalidSettings.self) { try Self.settings(jaas) }
        #expect(error?.problems == ["zoo.cfg:3: java.security.auth.login.config: FILE: \(cause)"])
    }
}
