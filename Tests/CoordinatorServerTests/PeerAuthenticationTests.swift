import CoordinatorKernel
import FoundationEssentials
import NIOCore
import Quorum
import Security
import Settings
import Testing
import Transport
import WireCoding

@testable import CoordinatorServer

@Suite(.timeLimit(.minutes(1))) struct PeerAuthenticationTests {
    /// Of a member that knows `learner` by the password `secret`.
    private func authentication(
        password: String = "secret", proves: Bool = true, demands: Bool = true
    ) -> PeerAuthentication {
        var authentication = PeerAuthentication(
            credentials: .password(user: "learner", password: password),
            servicePrincipal: KerberosPrincipal(primary: "zkquorum", instance: "_HOST"))
        authentication.passwords = ["learner": "secret"]
        authentication.provesItself = proves
        authentication.demandsProof = demands
        return authentication
    }

    private func members(_ left: PeerAuthentication?, _ right: PeerAuthentication?) async throws -> [LinkedMember] {
        [try await LinkedMember(1, authentication: left), try await LinkedMember(2, authentication: right)]
    }

    private func stop(_ members: [LinkedMember]) async throws {
        for member in members { try await member.links.stop() }
    }

    private func meet(_ members: [LinkedMember]) {
        let membership = Membership(members.map(\.member))
        for member in members { member.links.update(membership) }
    }

    @Test func membersThatProveThemselvesAreLinked() async throws {
        let members = try await members(authentication(), authentication())
        try await introduce(members)
        let message = PeerMessage.touched(sessions: [1])
        #expect(members[0].links.send([message], to: members[1].id))
        #expect(try await members[1].messages(1, of: members[0]) == [message])
        try await stop(members)
    }

    /// First all may, then all do, then all have to.
    @Test(arguments: [(false, false, true, false), (true, false, true, false), (true, false, true, true)])
    func anEnsembleIsMovedStepByStep(leftProves: Bool, leftDemands: Bool, rightProves: Bool, rightDemands: Bool)
        async throws
    {
        let members = try await members(
            authentication(proves: leftProves, demands: leftDemands),
            authentication(proves: rightProves, demands: rightDemands))
        try await introduce(members)
        try await stop(members)
    }

    @Test func aWrongPasswordIsToldOnBothSides() async throws {
        let members = try await members(authentication(password: "wrong"), authentication())
        meet(members)
        let refused = try await members[1].line("refused who has dialled from 127.0.0.1: DIGEST-MD5: ")
        #expect(refused.hasPrefix("warning: "))
        let told = try await members[0].line("port of member 2: member 2 does not accept this member's proof")
        #expect(told.hasPrefix("warning: no link to the "))
        // The other way round it is fine, and it is told once.
        try await members[1].linked(to: members[0])
        #expect(members[1].lines.all.filter { $0.contains("refused") }.count == 1)
        try await stop(members)
    }

    @Test func whoDoesNotProveItselfIsToldTo() async throws {
        let members = try await members(authentication(proves: false, demands: false), authentication())
        meet(members)
        let sentence =
            "member 2 demands that members authenticate by SASL (quorum.auth.serverRequireSasl), and member 1"
        _ = try await members[0].line("port of member 2: \(sentence)")
        _ = try await members[1].line("refused member 1 of 127.0.0.1: \(sentence)")
        try await stop(members)
    }

    @Test func whoKnowsNothingOfItSaysSo() async throws {
        let members = try await members(authentication(), nil)
        meet(members)
        let sentence = "member 2 does not authenticate by DIGEST-MD5 (quorum.auth.*)"
        _ = try await members[0].line("port of member 2: \(sentence)")
        _ = try await members[1].line("refused who has dialled from 127.0.0.1: \(sentence)")
        try await stop(members)
    }

    @Test func whoeverTheKerberosServerKnowsIsNoMember() {
        let hosts: Set = ["one.example", "two.example"]
        func isMember(_ user: String) -> Bool { PeerAuthentication.isMember(user, by: .gssapi, hosts: hosts) }
        #expect(isMember("zkquorum/one.example@REALM") && isMember("zkquorum/two.example"))
        #expect(!isMember("zkquorum/three.example@REALM") && !isMember("eve@REALM") && !isMember("a/b/c"))
        #expect(PeerAuthentication.isMember("learner", by: .digestMD5, hosts: []))
    }

    // MARK: Bytes

    @Test func whatIsSaidIsReadAgain() throws {
        let proof = PeerProof(.gssapi, [1, 2, 3])
        var frame = proof.frame
        #expect(frame.readInteger(as: Int32.self).map(Int.init) == frame.readableBytes)
        #expect(PeerProof.begins(frame))
        #expect(try PeerProof(frame) == proof)
        for answer in [PeerProofAnswer.challenge([4]), .accepted(lastToken: []), .refused("no")] {
            var frame = answer.frame
            frame.moveReaderIndex(forwardBy: 4)
            #expect(try PeerProofAnswer(frame) == answer)
            for length in 0..<7 where length < frame.readableBytes {
                #expect(throws: MalformedInput.self) {
                    try PeerProofAnswer(try #require(frame.getSlice(at: frame.readerIndex, length: length)))
                }
            }
        }
    }

    @Test(arguments: [
        [0x4d, 0x52, 0x4c, 0x41], [0x4d, 0x52, 0x4c, 0x41, 0, 2, 1], [0x4d, 0x52, 0x4c, 0x41, 0, 1, 9, 1],
        [0x4d, 0x52, 0x4c, 0x41, 0, 1, 1] + [UInt8](repeating: 7, count: 100),
    ])
    func nonsenseHarmsNobody(proof: [UInt8]) async throws {
        let members = try await members(authentication(), authentication())
        try await introduce(members)
        let client = BlockingClient(port: members[1].ports[0])
        client.send([0, 0, 0, UInt8(proof.count)] + proof)
        _ = client.receiveAll()
        // Whoever goes on without having proved anything.
        let impatient = BlockingClient(port: members[1].ports[0])
        impatient.send(Array(PeerProof(.digestMD5, []).frame.readableBytesView))
        let hello = PeerHello(
            kind: .data, sender: MemberID(1), receiver: MemberID(2), ensemble: [], address: "127.0.0.1:1:2")
        impatient.send(Array(hello.frame.readableBytesView))
        _ = impatient.receiveAll()
        _ = try await members[1].line("refused member 1 of 127.0.0.1: member 2 demands")
        #expect(members[0].links.send([.touched(sessions: [1])], to: members[1].id))
        _ = try await members[1].messages(1, of: members[0])
        try await stop(members)
    }

    // MARK: Settings

    private static let jaas = """
        QuorumServer { org.apache.zookeeper.server.auth.DigestLoginModule required user_learner="secret"; };
        QuorumLearner {
            org.apache.zookeeper.server.auth.DigestLoginModule required username="learner" password="secret";
        };
        Lonely { org.apache.zookeeper.server.auth.DigestLoginModule required; };
        """

    private func read(_ lines: String, jaas: String? = jaas) throws -> CoordinatorSettings {
        let folder = FileManager.default.temporaryDirectory.appending(path: "members-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
        try Data("2".utf8).write(to: folder.appending(path: "myid"))
        try Data((jaas ?? "").utf8).write(to: folder.appending(path: "jaas"))
        let file = jaas == nil ? "" : "java.security.auth.login.config=\(folder.path)/jaas"
        let text = """
            dataDir=\(folder.path)
            clientPort=2181
            server.1=a:2888:3888
            server.2=b:2888:3888
            server.3=c:2888:3888
            \(file)
            \(lines)
            """
        do {
            return try CoordinatorSettings.read(PropertiesFile(path: "zoo.cfg", text: text)).settings
        } catch {
            throw InvalidSettings(problems: error.problems.map { $0.replacing(folder.path, with: "FOLDER") })
        }
    }

    @Test func keysOfApacheCount() throws {
        let settings = try read(
            """
            quorum.auth.enableSasl=true
            quorum.auth.learnerRequireSasl=true
            quorum.auth.kerberos.servicePrincipal=zk/_HOST
            """)
        let authentication = try #require(settings.ensemble?.authentication)
        #expect(authentication.credentials == .password(user: "learner", password: "secret"))
        #expect(authentication.passwords == ["learner": "secret"])
        #expect(authentication.provesItself && !authentication.demandsProof)
        #expect(authentication.servicePrincipal == KerberosPrincipal(primary: "zk", instance: "_HOST"))
        // The file has nothing about clients.
        #expect(settings.sasl == nil)
        #expect(try read("", jaas: nil).ensemble?.authentication == nil)
    }

    @Test(arguments: [
        ("quorum.auth.learnerRequireSasl=true", "learnerRequireSasl needs quorum.auth.enableSasl=true"),
        (
            "quorum.auth.enableSasl=true\nquorum.auth.serverRequireSasl=true",
            "zoo.cfg:8: quorum.auth.serverRequireSasl needs quorum.auth.learnerRequireSasl=true"
        ),
        (
            "quorum.auth.enableSasl=true\nquorum.auth.learner.saslLoginContext=Other",
            "zoo.cfg:7: quorum.auth.enableSasl: FOLDER/jaas: there is no section Other"
        ),
        (
            "quorum.auth.enableSasl=true\nquorum.auth.server.saslLoginContext=Lonely",
            "neither a user (user_NAME=\"password\") nor a keytab is named"
        ),
        (
            "quorum.auth.enableSasl=true\nquorum.auth.kerberos.servicePrincipal=zk",
            "quorum.auth.kerberos.servicePrincipal=zk is no service/host"
        ),
    ])
    func nonsenseIsNamed(lines: String, sentence: String) {
        let refusal = #expect(throws: InvalidSettings.self) { try read(lines) }
        #expect(refusal?.description.contains(sentence) == true, "\(refusal?.description ?? "")")
    }

    @Test func aFileIsNeeded() {
        let refusal = #expect(throws: InvalidSettings.self) { try read("quorum.auth.enableSasl=true", jaas: nil) }
        #expect(
            refusal?.problems == [
                "zoo.cfg:7: quorum.auth.enableSasl needs a JAAS file, named by java.security.auth.login.config"
            ])
    }
}
