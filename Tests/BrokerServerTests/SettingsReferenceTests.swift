import FoundationEssentials
import Settings
import Testing

@testable import BrokerServer

@Suite struct SettingsReferenceTests {
    private static let configs =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        + "/configs"

    @Test func theCommittedFileIsCurrent() throws {
        let committed = try String(contentsOfFile: "\(Self.configs)/server.properties", encoding: .utf8)
        #expect(
            committed == BrokerSchema.reference,
            "refresh it: martlet-broker --settings-reference >configs/server.properties")
    }

    @Test func itIsAConfigurationThatRuns() throws {
        let (_, warnings) = try BrokerSettings.read(
            PropertiesFile(path: "server.properties", text: BrokerSchema.reference))
        #expect(warnings.isEmpty)
    }

    @Test(arguments: [
        "two-regions-tls/us-east/server.properties", "two-regions-tls/eu-west/server.properties",
        "cluster/one.properties", "cluster/two.properties", "cluster/three.properties", "cluster-tls/one.properties",
        "cluster-tls/two.properties", "cluster-tls/three.properties",
    ])
    func examplesAreConfigurationsThatRun(file: String) throws {
        let (_, warnings) = try BrokerSettings.read(PropertiesFile(reading: "\(Self.configs)/examples/\(file)"))
        #expect(warnings.isEmpty)
    }

    /// It leaves out what --standalone adds.
    @Test func theStandaloneExampleHasKnownKeys() throws {
        let file = try PropertiesFile(reading: "\(Self.configs)/examples/standalone/server.properties")
        #expect(try BrokerSchema.schema.read(file).warnings.isEmpty)
    }
}
