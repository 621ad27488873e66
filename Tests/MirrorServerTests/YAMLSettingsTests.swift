import Settings
import Testing

@testable import MirrorServer

@Suite struct YAMLSettingsTests {
    private static let examples =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        + "/configs/examples/two-regions-tls"

    private func entries(_ text: String) throws(InvalidSettings) -> [PropertiesFile.Entry] {
        try YAMLSettings.read(text, path: "links.yaml").entries
    }

    private func problem(_ text: String) -> String? {
        do throws(InvalidSettings) {
            let file = try YAMLSettings.read(text, path: "links.yaml")
            _ = try MirrorSettings.read(file)
            return nil
        } catch {
            return error.problems.first
        }
    }

    @Test func theExampleSaysWhatItsTwinSays() throws {
        let properties = try PropertiesFile(reading: "\(Self.examples)/mm2.properties").entries
        let text = try PropertiesFile.text(reading: "\(Self.examples)/links.yaml")
        #expect(
            try entries(text).map { "\($0.key)=\($0.value)" }.sorted()
                == properties.map { "\($0.key)=\($0.value)" }.sorted())
        #expect(try MirrorSettings.read(at: "\(Self.examples)/links.yaml").warnings.isEmpty)
    }

    @Test func keysAreNestedOrFlat() throws {
        let nested = """
            clusters: {a: {bootstrap.servers: "h:1"}, b: {bootstrap: {servers: ["h:2", "i:2"]}}, c: }
            links:
              a->b:
                enabled: true
                topics.exclude: ""
                mirror: {gap: {policy: stop}}
            # For all links.
            sync.group:
              offsets.enabled: TRUE
            """
        let expected: [(String, String, Int)] = [
            ("clusters", "a, b, c", 1), ("a.bootstrap.servers", "h:1", 1), ("b.bootstrap.servers", "h:2, i:2", 1),
            ("a->b.enabled", "true", 4), ("a->b.topics.exclude", "", 5), ("a->b.mirror.gap.policy", "stop", 6),
            ("sync.group.offsets.enabled", "TRUE", 9),
        ]
        #expect(try entries(nested) == expected.map { PropertiesFile.Entry(key: $0.0, value: $0.1, line: $0.2) })
        #expect(
            try entries("clusters: [a, b]\na->b.topics: x, y\n") == [
                PropertiesFile.Entry(key: "clusters", value: "a, b", line: 1),
                PropertiesFile.Entry(key: "a->b.topics", value: "x, y", line: 2),
            ])
        #expect(try entries("").isEmpty)
        #expect(try entries("# nothing\n").isEmpty)
    }

    private static let two = """
        clusters:
          a: {bootstrap.servers: "h:1"}
          b: {bootstrap.servers: "h:2"}

        """

    @Test(arguments: [
        ("", "links.yaml: clusters is not set"),
        ("- a\n", "links.yaml:1: keys and their values"),
        (two + "links: {a->b: {topic: x}}", "links.yaml:4: unknown key a->b.topic; the nearest"),
        (two + "links:\n  a->b:\n    mode: quick", "links.yaml:6: a->b.mode='quick' is not allowed"),
        (two + "links:\n  a->b: true", "links.yaml:5: a->b: its settings are expected"),
        (two + "links:\n  a->b:\n    topics: [x, [y]]", "links.yaml:6: a->b.topics: items of a list are texts"),
        (two + "links:\n  a->b:\n    topics: [\"x{1,2}\"]", "links.yaml:6: a->b.topics: 'x{1,2}': a comma"),
        (
            two + "links:\n  a->b:\n    mode: exact\n    mode: compatible",
            "links.yaml:7: links.a->b.mode stands here twice"
        ),
        (two + "links:\n  a->a:\n    enabled: true", "links.yaml:6: a->a.enabled: a link is between two clusters"),
        (two + "topics: &all x\ngroups: *all\n", "links.yaml:5: groups: aliases are not read"),
        (two + "? [x]\n: y\n", "links.yaml:4: a key is expected, and it is a text"),
        (two + "topics: [x", "while parsing a flow sequence"),
        (two + "topics: x\n\tgroups: y", "links.yaml:5: "),
        (two + "---\ntopics: x\n", "links.yaml:4: a second document"),
        (String(repeating: "{a: ", count: 40) + "x" + String(repeating: "}", count: 40), "nested too deeply"),
        ("a: \u{7}", "links.yaml:1: "),
    ])
    func badInputIsNamed(text: String, expected: String) {
        let problem = problem(text)
        #expect(problem?.contains(expected) ?? false, "\(problem ?? "nothing")")
    }

    @Test func textsCutAnywhereAreReadOrRefused() throws {
        let text = try PropertiesFile.text(reading: "\(Self.examples)/links.yaml")
        for count in 0..<text.count {
            do throws(InvalidSettings) {
                let read = try entries(String(text.prefix(count)))
                #expect(read.isEmpty || read[0].key == "clusters")
            } catch {
                #expect(error.problems.allSatisfy { $0.hasPrefix("links.yaml:") })
            }
        }
    }
}
