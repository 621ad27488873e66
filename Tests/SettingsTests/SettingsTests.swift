import Settings
import Testing

private let schema = SettingsSchema(
    keys: [
        SettingKey("num.partitions", .integer(1...1000), default: "1", "How many partitions a topic gets."),
        SettingKey("log.dirs", .list, default: "/tmp/logs", "Where logs are kept."),
        SettingKey("log.cleanup.policy", .words(["compact", "delete"]), default: "delete", "What leaves a log."),
        SettingKey("auto.create.topics.enable", .boolean, default: "true", "Whether topics come by themselves."),
        SettingKey("ssl.key.password", .secret, default: nil, "Opens the private key."),
    ],
    ignored: [
        IgnoredKeys(["num.network.threads"]), IgnoredKeys(["zk.a", "zk.b"], because: "there is no such thing"),
    ],
    canonicalName: { $0.hasPrefix("listener.name.") ? String($0.dropFirst(18)) : nil })

private func read(_ text: String) throws(InvalidSettings) -> SettingValues {
    try schema.read(PropertiesFile(path: "server.properties", text: text))
}

@Suite struct PropertiesFileTests {
    @Test func readsWhatJavaReads() {
        let file = PropertiesFile(
            path: "f",
            text: "# comment\n! too\n\na=1\nb : two words \nc three\nd=x\\\n   y\\\\\ne\\=f=\\u00e9\\t|\r\ng\nh=a#b\\")
        #expect(file.entries.map(\.key) == ["a", "b", "c", "d", "e=f", "g", "h"])
        #expect(file.entries.map(\.value) == ["1", "two words ", "three", "xy\\", "é\t|", "", "a#b"])
        #expect(file.entries.map(\.line) == [4, 5, 6, 7, 9, 10, 11])
    }

    @Test func entriesLeaveWithTheirContinuedLinesAndNothingElseChanges() {
        let text = "# a\r\na=1\\\r\n  2\r\nb=3\n\n! b\n a : 4\nc=5"
        #expect(PropertiesFile.text(text) { $0 == "a" } == "# a\r\nb=3\n\n! b\nc=5")
        #expect(PropertiesFile.text(text) { _ in false } == text)
        #expect(PropertiesFile.text(text) { $0 == "c" } == "# a\r\na=1\\\r\n  2\r\nb=3\n\n! b\n a : 4\n")
        #expect(PropertiesFile.text("a=1\\") { $0 == "a" } == "")
    }
}

@Suite struct SettingsSchemaTests {
    @Test func valuesAreTypedAndHaveDefaults() throws {
        let values = try read("log.dirs=/a, /b\nauto.create.topics.enable=False")
        #expect(values.list("log.dirs") == ["/a", "/b"])
        #expect(!values.boolean("auto.create.topics.enable"))
        #expect(values.integer("num.partitions") == 1)
        #expect(values["ssl.key.password"] == nil)
    }

    @Test func allProblemsAreToldWithFileAndLine() {
        let error = #expect(throws: InvalidSettings.self) {
            try read("num.partition=3\nnum.partitions=0\nxyzzy=1\nauto.create.topics.enable=maybe")
        }
        #expect(
            error?.problems == [
                "server.properties:1: unknown key num.partition; the nearest known one is num.partitions",
                "server.properties:2: num.partitions='0' is not allowed: 1 to 1000",
                "server.properties:3: unknown key xyzzy",
                "server.properties:4: auto.create.topics.enable='maybe' is not allowed: true or false",
            ])
    }

    @Test func listsOfWordsHaveNoOthers() throws {
        #expect(try read("log.cleanup.policy=compact, delete").list("log.cleanup.policy") == ["compact", "delete"])
        let error = #expect(throws: InvalidSettings.self) { try read("log.cleanup.policy=delete,shred") }
        #expect(
            error?.problems == [
                "server.properties:1: log.cleanup.policy='delete,shred' is not allowed: a comma-separated list of compact, "
                    + "delete"
            ])
    }

    @Test func whatIsNotNeededIsAWarning() throws {
        let values = try read("num.network.threads=3\nnum.partitions=1\nnum.partitions=2")
        #expect(
            values.warnings == [
                "server.properties:1: num.network.threads is not needed here and has no effect",
                "server.properties:3: num.partitions stands in line 2 too; this one counts",
            ])
        #expect(values.integer("num.partitions") == 2)
    }

    @Test func reasonsAreTold() throws {
        #expect(try read("zk.b=1").warnings == ["server.properties:1: zk.b has no effect: there is no such thing"])
        let reference = schema.reference(title: "Broker", essentials: [:])
        #expect(
            reference.hasSuffix(
                "\n\n# Keys that are known and have no effect.\n# - zk.a, zk.b:\n#   there is no such thing\n"))
    }

    @Test func prefixedKeysAreKnownByTheirCanonicalName() throws {
        let values = try read("listener.name.ssl.ssl.key.password=x")
        #expect(values["listener.name.ssl.ssl.key.password"] == "x")
    }

    @Test func referenceNamesEveryKey() throws {
        let reference = schema.reference(title: "Broker", essentials: ["log.dirs": "here"])
        for key in schema.keys { #expect(reference.contains("\n#\(key.name)=")) }
        #expect(try read(reference).keysSet == ["log.dirs"])
    }

    @Test func referenceShowsDefaultsAsAFileHasThem() throws {
        let key = SettingKey("topics.exclude", .list, default: #".*[\-\.]internal, a\\b"#, "Topics to leave out.")
        let reference = SettingsSchema(keys: [key]).reference(title: "Mirror", essentials: [:])
        let line = try #require(reference.split(separator: "\n").last { $0.hasPrefix("#topics") })
        #expect(PropertiesFile(path: "f", text: String(line.dropFirst())).entries.map(\.value) == [key.defaultText])
    }
}
