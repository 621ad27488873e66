import Foundation
import Quorum
import Testing

@testable import CoordinatorKernel
@testable import CoordinatorServer

/// What a member writes down of its ensemble.
@Suite struct ConfigurationFilesTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "files-\(UUID().uuidString)").path
    private var path: String { "\(directory)/zoo.cfg" }

    private func membership(_ version: Int64, client: String = "") throws -> Membership {
        var membership = try Membership(
            configurationText: "server.1=a:1:2:participant\(client)\nserver.2=b:1:2:observer;2182")
        membership.version = version
        return membership
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    private func write(_ text: String) throws -> ConfigurationFiles {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        return ConfigurationFiles(path: path, skipsBackup: false)
    }

    private func remove() throws { try FileManager.default.removeItem(atPath: directory) }

    @Test func serverLinesMoveOutAndTheRestStays() throws {
        defer { #expect(throws: Never.self) { try remove() } }
        let original = """
            # ours
            dataDir=/d
            server.1=a:1:2
            server.2=b:1:2:\\
              observer;2182
            peerType=participant
            zookeeper.clientPort 2181
            tickTime=500
            """
        let files = try write(original)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        try files.write(membership(0x1_0000_0003), own: MemberID(1))
        let dynamic = "\(path).dynamic.100000003"
        let rest = "# ours\ndataDir=/d\nzookeeper.clientPort 2181\ntickTime=500\n"
        #expect(try text(path) == rest + "dynamicConfigFile=\(dynamic)\n")
        #expect(try text(dynamic) == "server.1=a:1:2:participant\nserver.2=b:1:2:observer;0.0.0.0:2182\n")
        #expect(try text("\(path).bak") == original)
        for file in [path, "\(path).bak"] {
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o640)
        }
        // The next one names the next file; the copy stays that of the beginning. A client port in the own server line
        // counts instead of the one beside it.
        try files.write(membership(0x1_0000_0007, client: ";9999"), own: MemberID(1))
        #expect(
            try text(path) == "# ours\ndataDir=/d\ntickTime=500\ndynamicConfigFile=\(path).dynamic.100000007\n")
        #expect(try text("\(path).bak") == original)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == [
                "zoo.cfg", "zoo.cfg.bak", "zoo.cfg.dynamic.100000003", "zoo.cfg.dynamic.100000007",
            ])
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        defer { #expect(throws: Never.self) { try remove() } }
        let files = try write("dataDir=\(directory)\nclientPort=2181\nreconfigEnabled=true\nserver.1=a:1:2\n")
        try "1\n".write(toFile: "\(directory)/myid", atomically: false, encoding: .utf8)
        let membership = try membership(0x2_0000_0001, client: ";9999")
        try files.write(membership, own: MemberID(1))
        let (settings, _) = try CoordinatorSettings.read(.init(reading: path))
        #expect(settings.ensemble?.membership.members == membership.members)
        #expect(settings.plaintext == CoordinatorSettings.Endpoint(host: "0.0.0.0", port: 9999))
        #expect(settings.ensemble?.files?.path == path)
    }

    @Test func filesThatSaySoAlreadyAreLeftAlone() throws {
        defer { #expect(throws: Never.self) { try remove() } }
        let files = try write("dataDir=/d\nserver.1=a:1:2\n")
        try files.write(membership(5), own: MemberID(1))
        func numbers() throws -> [Int] {
            try ["zoo.cfg", "zoo.cfg.bak", "zoo.cfg.dynamic.5"].map {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory)/\($0)")
                return try #require(attributes[.systemFileNumber] as? Int)
            }
        }
        let before = try numbers()
        try files.write(membership(5), own: MemberID(1))
        #expect(try numbers() == before)
    }

    @Test func aMissingFileIsARefusal() throws {
        defer { #expect(throws: Never.self) { try remove() } }
        let files = try write("dataDir=/d\n")
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: (any Error).self) { try files.write(membership(5), own: MemberID(1)) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
    }
}
