import ClusterModel
import Settings
import Testing

@testable import BrokerServer

@Suite struct BrokerSettingsTests {
    private func read(_ lines: String...) throws -> BrokerSettings {
        let text = lines.joined(separator: "\n")
        return try BrokerSettings.read(PropertiesFile(path: "server.properties", text: text)).settings
    }

    /// All that is said against a configuration.
    private func problems(_ lines: String...) -> String {
        do {
            let text = lines.joined(separator: "\n")
            _ = try BrokerSettings.read(PropertiesFile(path: "server.properties", text: text))
            return ""
        } catch {
            return error.description
        }
    }

    @Test func listenersAndWhatClientsAreTold() throws {
        let settings = try read(
            "zookeeper.connect=localhost:2181/kafka", "listeners=INSIDE://0.0.0.0:9092,OUTSIDE://[::1]:9093",
            "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
            "advertised.listeners=INSIDE://a.example:1092,OUTSIDE://b.example:1093", "broker.id=7", "log.dirs=/data")
        #expect(settings.brokerID == BrokerID(7) && settings.dataDirectories == ["/data"])
        #expect(settings.listeners.map(\.name) == ["INSIDE", "OUTSIDE"])
        #expect(settings.listeners.map(\.host) == ["0.0.0.0", "::1"])
        #expect(settings.advertised.map(\.host) == ["a.example", "b.example"])
        #expect(settings.advertised.map(\.port) == [1092, 1093])
    }

    @Test func aListenersOwnKeysCountFirst() throws {
        let settings = try read(
            "zookeeper.connect=localhost", "listeners=A://:1,B://:2", "listener.security.protocol.map=A:SSL,B:SSL",
            "ssl.keystore.location=/common.pem", "listener.name.b.ssl.keystore.location=/b.pem",
            "listener.name.b.ssl.client.auth=required", "listener.name.b.connections.max.idle.ms=-1")
        #expect(settings.listeners[0].tls?.identity == .bundle(file: "/common.pem"))
        #expect(settings.listeners[1].tls?.identity == .bundle(file: "/b.pem"))
        #expect(settings.listeners[0].tls?.clientCertificates == .some(.none))
        #expect(settings.listeners[1].tls?.clientCertificates == .required)
        #expect(settings.listeners[0].maximumIdleTime == .seconds(600))
        #expect(settings.listeners[1].maximumIdleTime == nil)
    }

    @Test func defaultsOfTopicsComeFromLogKeys() throws {
        let settings = try read("zookeeper.connect=localhost", "log.retention.hours=3", "log.segment.bytes=1048576")
        #expect(settings.kernel.configured["log.retention.hours"] == "3")
        #expect(settings.kernel.brokerConfigs.first { $0.name == "log.segment.bytes" }?.value == "1048576")
    }

    @Test func nonsenseIsNamedWithItsPlace() {
        #expect(problems("num.partitions=3").contains("zookeeper.connect is missing"))
        #expect(
            problems("zookeeper.connect=localhost", "num.partition=3").contains(
                "server.properties:2: unknown key num.partition; the nearest known one is num.partitions"))
        #expect(problems("zookeeper.connect=localhost", "log.segment.bytes=13").contains("14 to 2147483647"))
        #expect(problems("zookeeper.connect=localhost", "listeners=9092").contains("NAME://host:port"))
        #expect(problems("zookeeper.connect=localhost", "listeners=A://:1").contains("has no security protocol"))
        #expect(problems("zookeeper.connect=localhost", "listeners=SSL://:1").contains("has no certificate"))
        #expect(problems("zookeeper.connect=localhost", "listeners=SASL_SSL://:1").contains("SASL is not available"))
        #expect(problems("zookeeper.connect=localhost", "log.dirs=/a,/a").contains("each once"))
        #expect(
            problems("zookeeper.connect=localhost", "advertised.listeners=SSL://a:1").contains(
                "which listeners does not have"))
        #expect(
            problems("zookeeper.connect=localhost", "authorizer.class.name=com.example.Opa")
                .contains("org.apache.kafka.metadata.authorizer.StandardAuthorizer"))
        #expect(
            problems(
                "zookeeper.connect=localhost", "authorizer.class.name=kafka.security.authorizer.AclAuthorizer",
                "super.users=User:a;b"
            ).contains("super.users: 'b' is not allowed"))
        #expect(
            problems(
                "zookeeper.connect=localhost", "ssl.principal.mapping.rules=RULE:nonsense", "listeners=SSL://:1",
                "ssl.keystore.location=/a.pem"
            ).contains("server.properties:2"))
    }
}
