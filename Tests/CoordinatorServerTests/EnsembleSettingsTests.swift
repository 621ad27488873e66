import CoordinatorKernel
import Quorum
import Security
import Settings
import Testing

@testable import CoordinatorServer

@Suite struct EnsembleSettingsTests {
    private static let three = """
        dataDir=/d
        clientPort=2181
        server.1=a:2888:3888
        server.2=b:2888:3888
        server.3=c:2888:3888:observer

        """

    /// Reads `text` where there are these files besides.
    private func read(
        _ text: String, _ files: [String: String] = ["/d/myid": "2\n"]
    ) throws(InvalidSettings) -> (settings: CoordinatorSettings, warnings: [String]) {
        try CoordinatorSettings.read(PropertiesFile(path: "zoo.cfg", text: text)) { path throws(UnreadableSettings) in
            guard let text = files[path] else {
                throw UnreadableSettings(path: path, reason: "No such file or directory")
            }
            return PropertiesFile(path: path, text: text)
        }
    }

    private func ensemble(_ text: String, _ files: [String: String] = ["/d/myid": "2\n"]) throws -> EnsembleSettings {
        try #require(try read(text, files).settings.ensemble)
    }

    private func problems(_ text: String, _ files: [String: String] = ["/d/myid": "2\n"]) -> [String] {
        do {
            _ = try read(text, files)
            return []
        } catch {
            return error.problems
        }
    }

    @Test func anOrdinaryEnsembleIsRead() throws {
        let ensemble = try ensemble(Self.three + "initLimit=5\nsyncLimit=2\ntickTime=2000\nelectionAlg=3")
        #expect(ensemble.id == MemberID(2))
        #expect(
            ensemble.membership.configurationText == """
                server.1=a:2888:3888:participant
                server.2=b:2888:3888:participant
                server.3=c:2888:3888:observer
                version=0
                """)
        #expect(ensemble.listeners == [MemberAddress.Endpoint(host: "b", quorumPort: 2888, electionPort: 3888)])
        #expect(ensemble.quorum.heartbeatInterval == .milliseconds(100))
        #expect(ensemble.quorum.electionTimeout == .milliseconds(500))
        #expect(ensemble.connectTimeout == .seconds(1))
        #expect(ensemble.bindAttempts == 3)
        #expect(ensemble.tls == nil)
        #expect(!ensemble.allowsReconfiguration)
    }

    @Test func whatAMemberMayChooseIsRead() throws {
        let ensemble = try ensemble(
            """
            dataDir=/d
            zookeeper.electionPortBindRetry=0
            zookeeper.cnxTimeout=250
            quorumListenOnAllIPs=true
            reconfigEnabled=true
            quorum.heartbeatIntervalMs=20
            quorum.electionTimeoutMs=60
            sslQuorum=true
            ssl.quorum.keyStore.location=/k.pem
            ssl.quorum.keyStore.password=secret
            ssl.quorum.trustStore.location=/t.pem
            ssl.quorum.hostnameVerification=false
            zookeeper.ssl.quorum.enabledProtocols=TLSv1.3
            server.1=a:2888:3888
            server.2=b:2888:3888|[::1]:2888:3888;2182
            weight.1=3
            group.7=1:2
            """)
        #expect(ensemble.listeners == [MemberAddress.Endpoint(host: "", quorumPort: 2888, electionPort: 3888)])
        #expect(ensemble.bindAttempts == 0)
        #expect(ensemble.connectTimeout == .milliseconds(250))
        #expect(ensemble.allowsReconfiguration)
        #expect(ensemble.quorum.heartbeatInterval == .milliseconds(20))
        #expect(ensemble.membership[MemberID(1)]?.weight == 3)
        #expect(ensemble.membership[MemberID(2)]?.group == 7)
        let tls = try #require(ensemble.tls)
        #expect(tls.identity == .bundle(file: "/k.pem"))
        #expect(tls.keyPassword == "secret")
        #expect(tls.trust == .file("/t.pem"))
        #expect(tls.clientCertificates == .required)
        #expect(!tls.verifiesHostName)
        #expect(tls.versions == [.v1_3])
    }

    @Test func theServerLineSaysWhereClientsAreServed() throws {
        let lines = "server.1=a:1:2;2181\nserver.2=b:1:2;[::1]:2182\n"
        #expect(
            try read("dataDir=/d\n" + lines).settings.plaintext
                == CoordinatorSettings.Endpoint(host: "::1", port: 2182))
        #expect(
            try read("dataDir=/d\nclientPort=2182\nclientPortAddress=10.0.0.2\n" + lines).settings.plaintext
                == CoordinatorSettings.Endpoint(host: "10.0.0.2", port: 2182))
        #expect(
            problems("dataDir=/d\nclientPort=2181\n" + lines)
                == ["zoo.cfg:2: clientPort=2181, and server.2 of zoo.cfg serves clients on 2182"])
    }

    @Test func membersStandInAFileOfTheirOwn() throws {
        let dynamic = "server.1=a:1:2:participant;2181\nserver.2=b:1:2:participant;2181\nversion=100000000\n"
        let text = "dataDir=/d\ndynamicConfigFile=/conf/zoo.cfg.dynamic.100000000\n"
        let files = ["/conf/zoo.cfg.dynamic.100000000": dynamic, "/d/myid": "1"]
        let ensemble = try ensemble(text, files)
        #expect(ensemble.id == MemberID(1))
        #expect(ensemble.membership.members.count == 2)
        #expect(ensemble.membership.version == 0)
        #expect(
            problems(text, ["/d/myid": "1"])
                == [
                    "zoo.cfg:2: dynamicConfigFile: cannot read /conf/zoo.cfg.dynamic.100000000: No such file or directory",
                    "zoo.cfg: neither clientPort nor secureClientPort is set",
                ])
        #expect(
            problems(text + "clientPort=1\nserver.1=a:1:2", files)
                == [
                    "zoo.cfg:4: server.1: who belongs to the ensemble stands here and in dynamicConfigFile; leave it in "
                        + "one of them"
                ])
    }

    @Test func oneServerAloneIsAnEnsembleOnlyWhenAsked() throws {
        let text = "dataDir=/d\nserver.2=a:1:2;2181\n"
        let alone = try read(text, [:]).settings
        #expect(alone.ensemble == nil)
        #expect(alone.plaintext?.port == 2181)
        #expect(try ensemble(text + "standaloneEnabled=false").membership.members.count == 1)
    }

    @Test func whatHelpsNobodyIsWarnedOf() throws {
        let warnings = try read(Self.three + "leaderServes=no").warnings
        #expect(
            warnings == [
                "zoo.cfg:6: leaderServes has no effect: members serve clients while they lead",
                "zoo.cfg: 2 participants stand the loss of no more members than 1 would",
            ])
    }

    @Test func contradictionsAreToldInALineEach() {
        let missing =
            "cannot read /d/myid: No such file or directory; it holds the number of this member, the N of its server.N"
        #expect(problems(Self.three, [:]) == [missing])
        for text in ["", "two", "1 2", "256", "-1", "1\n2"] {
            #expect(
                problems(Self.three, ["/d/myid": text])
                    == ["/d/myid: belongs one number, 0 to 255: the N of this member's server.N"], "\(text)")
        }
        #expect(
            problems(Self.three, ["/d/myid": "4"])
                == ["/d/myid: this is member 4, and zoo.cfg has no server.4, only 1, 2, 3"])
        #expect(
            problems(Self.three + "peerType=observer")
                == ["zoo.cfg:6: peerType=observer, and server.2 of zoo.cfg is a participant"])
        #expect(
            problems(Self.three + "peerType=participant", ["/d/myid": "3"])
                == ["zoo.cfg:6: peerType=participant, and server.3 of zoo.cfg is an observer"])
        #expect(
            problems(Self.three + "quorum.heartbeatIntervalMs=300")
                == ["zoo.cfg: quorum.electionTimeoutMs (500) is below three times quorum.heartbeatIntervalMs (300)"])
        #expect(
            problems(Self.three + "sslQuorum=true")
                == ["zoo.cfg:6: sslQuorum needs ssl.quorum.keyStore.location, a PEM file"])
        #expect(
            problems(Self.three + "portUnification=true")
                == ["zoo.cfg:6: portUnification='true' is not allowed: false"])
        #expect(problems(Self.three + "server.300=x:1:2") == ["zoo.cfg:6: server.300: servers are numbered 0 to 255"])
        #expect(problems(Self.three + "server.4=a:3888:1") == ["zoo.cfg: server.1 and server.4 are both on a:3888"])
        #expect(problems(Self.three + "group.1=1") == ["zoo.cfg: server.2 stands in no group, others do"])
        #expect(problems(Self.three + "server.x=a:1:2").count == 1)
    }
}
