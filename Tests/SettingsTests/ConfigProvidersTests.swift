import Foundation
import Testing

@testable import Settings

/// As they stand in files of MirrorMaker 2 in the wild.
@Suite struct ConfigProvidersTests {
    private static let package = "org.apache.kafka.common.config.provider."

    private func resolve(_ text: String) throws -> [String: String] {
        let file = try ConfigProviders.resolve(PropertiesFile(path: "mm2.properties", text: text))
        return Dictionary(file.entries.map { ($0.key, $0.value) }) { $1 }
    }

    private func problems(_ text: String) -> [String] {
        do {
            return ["resolved as \(try resolve(text))"]
        } catch let error as InvalidSettings {
            return error.problems
        } catch {
            return ["\(error)"]
        }
    }

    @Test func valuesComeFromElsewhere() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "providers-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
        try Data("key.password = a=b\nother = x\n".utf8).write(to: folder.appending(path: "secrets.properties"))
        try Data("-----BEGIN\nabc\n".utf8).write(to: folder.appending(path: "tls.key"))
        setenv("MARTLET_TEST_BROKERS", "one:9092,two:9092", 1)
        let text = """
            config.providers = file, dir, env
            config.providers.file.class = \(Self.package)FileConfigProvider
            config.providers.dir.class = \(Self.package)DirectoryConfigProvider
            config.providers.dir.param.allowed.paths = \(folder.path)
            config.providers.env.class = \(Self.package)EnvVarConfigProvider
            config.providers.env.param.allowlist.pattern = MARTLET_.*
            a.bootstrap.servers = ${env:MARTLET_TEST_BROKERS}, three:9092
            a.ssl.key.password = ${file:\(folder.path)/secrets.properties:key.password}
            a.ssl.keystore.key = ${dir:\(folder.path):tls.key}
            topics = a${b}c, ${other:x}, ${
            """
        #expect(
            try resolve(text) == [
                "a.bootstrap.servers": "one:9092,two:9092, three:9092", "a.ssl.key.password": "a=b",
                "a.ssl.keystore.key": "-----BEGIN\nabc\n", "topics": "a${b}c, ${other:x}, ${",
            ])
    }

    @Test func whatIsNotThereIsNamed() {
        let begin = """
            config.providers = file,dir,env
            config.providers.file.class = FileConfigProvider
            config.providers.dir.class = DirectoryConfigProvider
            config.providers.dir.param.allowed.paths = /etc/secrets
            config.providers.env.class = EnvVarConfigProvider
            config.providers.env.param.allowlist.pattern = KAFKA_.*

            """
        #expect(
            problems(begin + "a = ${env:KAFKA_NO_SUCH}") == [
                "mm2.properties:7: a: ${env:KAFKA_NO_SUCH} names no variable of the environment"
            ])
        #expect(problems(begin + "a = ${env:HOME}").first?.hasSuffix("that may be read") ?? false)
        #expect(problems(begin + "a = ${file:/absent:b}").first?.contains("cannot read /absent") ?? false)
        #expect(problems(begin + "a = ${file:b}").first?.contains("a path and a key") ?? false)
        for path in ["/etc/secret", "/etc/secrets/../x", "/etc"] {
            #expect(problems(begin + "a = ${dir:\(path):b}").first?.contains("allowed paths") ?? false)
        }
    }

    @Test func providersThatAreNotKnownAreRefused() {
        #expect(
            problems("config.providers = vault") == [
                "mm2.properties: config.providers.vault.class is not set: it says what vault is"
            ])
        #expect(
            problems("config.providers = s\nconfig.providers.s.class = io.strimzi.kafka.KubernetesSecretConfigProvider")
                == [
                    "mm2.properties:2: config.providers.s.class=io.strimzi.kafka.KubernetesSecretConfigProvider is not allowed: "
                        + "FileConfigProvider, DirectoryConfigProvider, EnvVarConfigProvider"
                ])
    }
}
