import CoordinatorClient
import FoundationEssentials
import Security
import Settings
import Testing
import ZooKeeperProtocol

@testable import BrokerServer

@Suite struct CoordinatorLoginTests {
    private static let jaas = """
        Client {
            org.apache.zookeeper.server.auth.DigestLoginModule required username="kafka" password="secret";
        };
        Tickets { com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true; };
        Broken { org.apache.zookeeper.server.auth.DigestLoginModule required username="kafka"; };
        """

    private func read(_ lines: String..., jaas: String = jaas) throws -> BrokerSettings {
        let file = FileManager.default.temporaryDirectory.appending(path: "jaas-\(UUID().uuidString)")
        try Data(jaas.utf8).write(to: file)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: file) } }
        let text =
            "zookeeper.connect=localhost\njava.security.auth.login.config=\(file.path)\n"
            + lines.joined(separator: "\n")
        do {
            return try BrokerSettings.read(PropertiesFile(path: "server.properties", text: text)).settings
        } catch {
            throw InvalidSettings(problems: error.problems.map { $0.replacing(file.path, with: "FILE") })
        }
    }

    @Test func theSectionClientIsUsed() throws {
        let settings = try read("zookeeper.set.acl=true")
        #expect(settings.coordinatorLogin?.credentials == .password(user: "kafka", password: "secret"))
        #expect(settings.securesTree)
    }

    @Test func keysOfJavasPropertiesCount() throws {
        let login = try read(
            "zookeeper.sasl.clientconfig=Tickets", "zookeeper.sasl.client.username=zk",
            "zookeeper.server.principal=coordinator/all.example@REALM"
        ).coordinatorLogin
        #expect(login?.credentials == .ticketCache(path: nil))
        #expect(login?.service == "coordinator" && login?.host == "all.example")
        #expect(
            try read("zookeeper.sasl.clientconfig=Tickets", "zookeeper.sasl.client.username=zk").coordinatorLogin?
                .service == "zk")
        #expect(try read("zookeeper.sasl.client=false").coordinatorLogin == nil)
    }

    @Test func aFileForOthersIsNoFault() throws {
        #expect(try read(jaas: "KafkaServer { };").coordinatorLogin == nil)
    }

    @Test(arguments: [
        (
            "zookeeper.sasl.clientconfig=Absent",
            "server.properties:2: java.security.auth.login.config: FILE: there is no section Absent"
        ),
        (
            "zookeeper.sasl.clientconfig=Broken",
            "FILE: DigestLoginModule of a client needs username=\"...\" and password=\"...\""
        ),
        (
            "zookeeper.sasl.clientconfig=Tickets\nzookeeper.server.principal=zookeeper",
            "zookeeper.server.principal=zookeeper is no service/host"
        ),
        (
            "zookeeper.sasl.client=false\nzookeeper.set.acl=true",
            "server.properties:4: zookeeper.set.acl is set, and this broker proves to coordinators neither by SASL"
        ),
    ])
    func nonsenseIsNamed(lines: String, sentence: String) {
        let refusal = #expect(throws: InvalidSettings.self) { try read(lines) }
        #expect(refusal?.description.contains(sentence) == true, "\(refusal?.description ?? "")")
    }

    @Test func aTreeOfBrokersIsTheirs() {
        let own = ACL(.all, ZooKeeperID(scheme: "auth", id: ""))
        let everybody = ACL(.read, .anyone)
        for path in ["/", "/brokers/ids/1", "/config/topics/a", "/controller", "/delegation_token"] {
            #expect(TreeRights.secured.acl(of: path) == [own, everybody])
        }
        for path in ["/config/users/alice", "/config/brokers/1", "/delegation_token/tokens/x"] {
            #expect(TreeRights.secured.acl(of: path) == [own])
        }
        #expect(TreeRights.secured.acl(of: "/consumers") == ACL.open)
        #expect(TreeRights.open.acl(of: "/config/users/alice") == ACL.open)
    }
}
