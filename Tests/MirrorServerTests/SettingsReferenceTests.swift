import FoundationEssentials
import Settings
import Testing

@testable import MirrorServer

@Suite struct SettingsReferenceTests {
    private static let configs =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        + "/configs"

    @Test func theCommittedFileIsCurrent() throws {
        let committed = try String(contentsOfFile: "\(Self.configs)/mm2.properties", encoding: .utf8)
        #expect(
            committed == MirrorSchema.reference,
            "refresh it: martlet-mirror --settings-reference >configs/mm2.properties")
    }

    @Test func itIsAConfigurationThatRuns() throws {
        let (_, warnings) = try MirrorSettings.read(
            PropertiesFile(path: "mm2.properties", text: MirrorSchema.reference))
        #expect(warnings.isEmpty)
    }

    @Test(arguments: ["two-regions-tls/mm2.properties", "two-regions-tls/links.yaml"])
    func examplesAreConfigurationsThatRun(file: String) throws {
        let (_, warnings) = try MirrorSettings.read(at: "\(Self.configs)/examples/\(file)")
        #expect(warnings.isEmpty)
    }
}
