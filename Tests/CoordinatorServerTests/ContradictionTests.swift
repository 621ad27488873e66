import FoundationEssentials
import Settings
import Testing

@testable import CoordinatorServer

/// Files that contradict themselves, or promise what there is not: one line each.
@Suite struct ContradictionTests {
    private static let prometheus = CoordinatorSchema.prometheusMetricsProvider

    private func problems(_ lines: String...) -> [String] {
        let text = (["dataDir=/d", "clientPort=2181"] + lines).joined(separator: "\n")
        do throws(InvalidSettings) {
            _ = try CoordinatorSettings.read(PropertiesFile(path: "zoo.cfg", text: text))
            return []
        } catch {
            return error.problems
        }
    }

    @Test func portsThatAreEqual() {
        #expect(
            problems("admin.serverPort=2181") == ["zoo.cfg:3: admin.serverPort and clientPort are both 2181"])
        #expect(
            problems(
                "metricsProvider.className=\(Self.prometheus)", "metricsProvider.httpPort=8081", "admin.serverPort=8081"
            )
                == ["zoo.cfg:4: metricsProvider.httpPort and admin.serverPort are both 8081"])
        #expect(problems("admin.serverPort=2181", "admin.enableServer=false").isEmpty)
        #expect(
            problems("admin.serverPort=2181", "admin.serverAddress=127.0.0.1", "clientPortAddress=10.0.0.1").isEmpty)
        #expect(problems("admin.serverPort=2181", "admin.serverAddress=127.0.0.1").count == 1)
    }

    @Test func oneKeyWithTwoValues() {
        #expect(
            problems("zookeeper.snapCount=7", "snapCount=8") == [
                "zoo.cfg:4: snapCount has another value in line 3 ('8', not '7'), with the prefix zookeeper. and without"
            ])
        #expect(problems("zookeeper.snapCount=7", "snapCount=7").isEmpty)
        #expect(problems("snapCount=7", "snapCount=8").isEmpty)
        let secret = problems(
            "DigestAuthenticationProvider.superDigest=a:b", "zookeeper.DigestAuthenticationProvider.superDigest=a:c")
        #expect(secret.count == 1 && secret.first?.contains("a:c") == false)
    }

    @Test func keysThatAreSwitchedOff() {
        #expect(
            problems("audit.logFile=/a") == ["zoo.cfg:3: audit.logFile without audit.enable=true: nothing is audited"])
        #expect(
            problems("metricsProvider.httpPort=1").first?
                .hasPrefix("zoo.cfg:3: metricsProvider.httpPort without metricsProvider.className=") == true)
        #expect(
            problems("DigestAuthenticationProvider.superDigest=hash")
                == ["zoo.cfg:3: DigestAuthenticationProvider.superDigest is not user:hash"])
        #expect(problems("admin.commandURL=commands").first?.hasPrefix("zoo.cfg:3: admin.commandURL=") == true)
    }

    @Test(arguments: ["ssl.crl=true", "admin.forceHttps=true", "client.portUnification=true"])
    func whatIsPromisedAndNotKept(line: String) {
        #expect(problems(line).count == 1 && problems("zookeeper." + line).count == 1)
    }

    @Test func thePasswordOfAFile() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "password-\(UUID().uuidString)").path
        try "first line\nsecond\n".write(toFile: file, atomically: true, encoding: .utf8)
        defer {
            do { try FileManager.default.removeItem(atPath: file) } catch { print("cannot remove \(file): \(error)") }
        }
        let lines = "dataDir=/d\nsecureClientPort=1\nssl.keyStore.location=/k\nssl.keyStore.passwordPath="
        let settings = try CoordinatorSettings.read(PropertiesFile(path: "zoo.cfg", text: lines + file)).settings
        #expect(settings.tls?.keyPassword == "first line")
        let missing = problems("secureClientPort=1", "ssl.keyStore.location=/k", "ssl.keyStore.passwordPath=/nothing")
        #expect(missing.first?.contains("ssl.keyStore.passwordPath: cannot read /nothing") == true)
        let both = problems(
            "secureClientPort=1", "ssl.keyStore.location=/k", "ssl.keyStore.passwordPath=\(file)",
            "ssl.keyStore.password=x")
        #expect(both == ["zoo.cfg:5: ssl.keyStore.passwordPath and ssl.keyStore.password are both set: keep one"])
    }

    /// Apache ZooKeeper's keys that work here in part or not at all do not stop who moves to it.
    @Test(arguments: ["", "zookeeper."]) func whatHasNoEffectSaysWhy(prefix: String) throws {
        let working = Set(CoordinatorSchema.schema.keys.map(\.name))
        let keys = KeysWithoutEffect.all.flatMap { keys in keys.names.sorted().map { ($0, keys.reason) } }
        #expect(Set(keys.map(\.0)).count == keys.count)
        for (name, reason) in keys {
            #expect(reason?.isEmpty == false)
            #expect(!working.contains(name), "\(name) works and has no effect")
        }
        let text = (["dataDir=/d", "clientPort=1"] + keys.map { "\(prefix)\($0.0)=1" }).joined(separator: "\n")
        let warnings = try CoordinatorSettings.read(PropertiesFile(path: "zoo.cfg", text: text)).warnings
        #expect(
            warnings
                == keys.enumerated().map { "zoo.cfg:\($0 + 3): \($1.0) has no effect: \($1.1 ?? "")" })
    }
}
