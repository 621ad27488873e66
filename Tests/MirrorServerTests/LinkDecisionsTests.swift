import Mirroring
import NIOCore
import Settings
import Testing

@testable import MirrorServer

@Suite struct LinkDecisionsTests {
    private static let three = """
        clusters = a, b, c
        a.bootstrap.servers = a:9092
        b.bootstrap.servers = b:9092
        c.bootstrap.servers = c:9092
        mode = exact
        emit.heartbeats.enabled = false
        a->b.enabled = true
        b->c.enabled = true
        a->b.topics = orders
        groups = readers

        """

    private func links(
        after known: [String: LinkDecision], unreadable: [String: String] = [:], file: String = three
    ) throws -> [String: LinkSettings] {
        let (settings, _) = try MirrorSettings.read(PropertiesFile(path: "mm2.properties", text: file))
        let links = settings.links(after: LinkDecisions(known: known, unreadable: unreadable))
        return Dictionary(uniqueKeysWithValues: links.map { ($0.name, $0) })
    }

    @Test func whatIsSetStandsBeforeTheFile() throws {
        let decision = LinkDecision(.running, ["topics": "pay, orders", "mirror.gap.policy": "continue"], at: 1)
        let links = try links(after: ["a->b": decision, "x->y": decision])
        let link = try #require(links["a->b"])
        #expect(link.state == .running)
        #expect(link.plan.topics.contains("pay"))
        #expect(link.mode == .exact(.continue))
        func place(_ key: String) -> String? { link.sources.first { $0.key == key }.map { "\($0.place)" } }
        #expect(place("topics") == "martlet mirror")
        #expect(place("groups") == "mm2.properties:10 (groups)")
        #expect(place("enabled") == "mm2.properties:7 (a->b.enabled)")
        #expect(place("topics.exclude") == "default")
        #expect(links["b->c"]?.decision == nil)
        #expect(links["b->c"]?.mode == .exact(.stop))
        #expect(links.count == 6)
    }

    @Test func statesTellWhatALinkDoes() throws {
        let links = try links(
            after: [
                "a->b": LinkDecision(.paused, reason: "night", at: 1), "b->c": LinkDecision(.deleted, at: 2),
                "c->b": LinkDecision(.running, ["enabled": "true"], at: 3),
            ],
            unreadable: ["b->a": "from a later version"])
        #expect(
            links.mapValues(\.state) == [
                "a->b": .paused, "b->c": .deleted, "c->b": .running, "b->a": .refused, "a->c": .disabled,
                "c->a": .disabled,
            ])
        #expect(links["a->b"]?.cause == "night")
        #expect(links["b->a"]?.cause == "from a later version")
    }

    @Test func aCircleIsRefusedHereToo() throws {
        let creation = LinkDecision(.running, ["enabled": "true"], at: 5)
        let circle = try links(after: ["c->a": creation])
        #expect(circle["c->a"]?.state == .refused)
        #expect(circle["c->a"]?.cause?.contains("in a circle") ?? false)
        #expect(circle["a->b"]?.state == .running)
        // The link that was decided later is the one that rests, whatever its name.
        let early = LinkDecision(.running, ["enabled": "true"], at: 1)
        let two = try links(after: ["c->a": early, "b->c": LinkDecision(.running, ["topics": ".*"], at: 5)])
        #expect(two["b->c"]?.state == .running)
        #expect(two["c->a"]?.state == .refused)
        // What ends a link makes room.
        let open = try links(after: ["c->a": creation, "b->c": LinkDecision(.deleted, at: 9)])
        #expect(open["c->a"]?.state == .running)
        let apart = try links(
            after: ["c->a": LinkDecision(.running, ["enabled": "true", "topics": "pay"], at: 5)],
            file: Self.three + "b->c.topics = fees\n")
        #expect(apart["c->a"]?.state == .running)
    }

    @Test func aPausedLinkIsPartOfACircle() throws {
        let creation = LinkDecision(.running, ["enabled": "true"], at: 5)
        let links = try links(after: ["c->a": creation, "a->b": LinkDecision(.paused, at: 1)])
        #expect(links["c->a"]?.state == .refused)
    }

    @Test(arguments: [
        (["topic": "x"], "a->b.topic; the nearest known one is a->b.topics"),
        (["mirror.gap.policy": "ignore"], "a->b.mirror.gap.policy='ignore' is not allowed: stop, continue, rewind"),
        (["topics": "("], "a->b.topics='(' is not allowed"),
        (["bootstrap.servers": "h:1"], "unknown key a->b.bootstrap.servers"),
    ])
    func badSettingsRest(settings: [String: String], expected: String) throws {
        let links = try links(after: ["a->b": LinkDecision(.running, settings, at: 1)])
        #expect(links["a->b"]?.refusal?.contains(expected) ?? false, "\(links["a->b"]?.refusal ?? "")")
        #expect(links["b->c"]?.state == .running)
    }

    // MARK: Records

    @Test func decisionsAreJSON() throws {
        let decision = LinkDecision(.paused, ["topics": "a/b"], reason: "\"night\"", at: 1_700_000_000_000)
        let value = try decision.value()
        #expect(
            String(buffer: value) == """
                {"decidedAtUnixMilliseconds":1700000000000,"reason":"\\"night\\"","settings":{"topics":"a/b"},\
                "state":"paused","version":0}
                """)
        #expect(try LinkDecision(value: value) == decision)
    }

    @Test(arguments: [
        ("", "no JSON"), ("[]", "no JSON"), ("{\"version\":0,\"state\":\"paused\"}", "no JSON"),
        ("{\"version\":1,\"state\":\"paused\",\"settings\":{},\"decidedAtUnixMilliseconds\":1}", "later version"),
        ("{\"version\":0,\"state\":\"asleep\",\"settings\":{},\"decidedAtUnixMilliseconds\":1}", "later version"),
    ])
    func otherRecordsAreNamed(value: String, expected: String) {
        #expect {
            try LinkDecision(value: ByteBuffer(string: value))
        } throws: {
            "\($0)".contains(expected)
        }
    }
}
