import FoundationEssentials
import Settings
import Testing

@testable import CoordinatorServer

@Suite struct SettingsReferenceTests {
    private static let configs =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        + "/configs"

    @Test func theCommittedFileIsCurrent() throws {
        let committed = try String(contentsOfFile: "\(Self.configs)/zoo.cfg", encoding: .utf8)
        #expect(
            committed == CoordinatorSchema.reference,
            "refresh it: martlet-coordinator --settings-reference >configs/zoo.cfg")
    }

    @Test func itIsAConfigurationThatRuns() throws {
        let (_, warnings) = try CoordinatorSettings.read(
            PropertiesFile(path: "zoo.cfg", text: CoordinatorSchema.reference))
        #expect(warnings.isEmpty)
    }

    @Test(arguments: ["two-regions-tls/us-east/zoo.cfg", "two-regions-tls/eu-west/zoo.cfg"])
    func examplesAreConfigurationsThatRun(file: String) throws {
        let (_, warnings) = try CoordinatorSettings.read(PropertiesFile(reading: "\(Self.configs)/examples/\(file)"))
        #expect(warnings.isEmpty)
    }
}
