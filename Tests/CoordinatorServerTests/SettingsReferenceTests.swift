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

    @Test(arguments: ["ensemble", "cluster-tls"], ["one", "two", "three"])
    func theExampleOfAnEnsembleRuns(folder: String, member: String) throws {
        let path = "\(Self.configs)/examples/\(folder)/\(member).cfg"
        let number = try #require(["one", "two", "three"].firstIndex(of: member)) + 1
        let (settings, warnings) = try CoordinatorSettings.read(PropertiesFile(reading: path)) { path in
            PropertiesFile(path: path, text: "\(number)\n")
        }
        #expect(warnings.isEmpty)
        #expect(settings.ensemble?.membership.members.count == 3)
        let listener = try #require(settings.plaintext ?? settings.secure)
        #expect(listener.port == (folder == "ensemble" ? 2180 : 2280) + number)
    }
}
