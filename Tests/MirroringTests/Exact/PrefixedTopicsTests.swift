import ClusterModel
import Controller
import Mirroring
import Testing

/// What an exact link does about topics that have another name at its target.
@Suite struct PrefixedTopicsTests {
    private func verdict(
        on name: String = "orders", _ source: StandingTopic, _ target: StandingTopic? = nil,
        other: (name: String, topic: StandingTopic)? = nil
    ) throws -> TopicVerdict {
        let topics = ExactTopics(
            topics: try NameSelection(including: [".*"]), policy: ReplicationPolicy(),
            excludedSettings: try NameSelection(including: []),
            names: LinkNames(source: "a", target: "hub", policy: ReplicationPolicy()))
        return topics.verdict(
            on: name, source: source, target: target, other: other, link: "a->hub", sourceID: "A", targetID: "HUB",
            comparesSettings: true)
    }

    private func topic(
        _ state: MirrorStanding.State = .ordinary, link: String = "", homeEpoch: Int32 = 0
    ) -> StandingTopic {
        let standing = MirrorStanding(state: state, link: link, sourceClusterID: "", homeEpoch: homeEpoch)
        return StandingTopic(
            id: KafkaUUID(high: 0, low: 1), partitionCount: 1, settings: standing.settings(in: [:]))
    }

    private func reason(_ verdict: TopicVerdict) -> String {
        if case .blocked(let reason) = verdict { reason } else { "" }
    }

    @Test func whatIsCalledLikeTheTargetsAndIsNotIsLeft() throws {
        #expect(try verdict(on: "hub.orders", topic()) == .leave(.isNamedAsCopy))
        #expect(try verdict(on: "hub.a.orders", topic(link: "hub->a")) == .leave(.isNamedAsCopy))
        // Its home has moved here from there, or from what lies behind.
        for link in ["hub->a", "b->a"] {
            let moved = topic(link: link, homeEpoch: 1)
            guard case .mirror(let change?) = try verdict(on: "hub.orders", moved) else {
                Issue.record("not mirrored")
                continue
            }
            #expect(change.isNew && change.homeEpoch == 1)
        }
    }

    @Test func whatStandsInTheWayIsCalledAsItIsThere() throws {
        #expect(reason(try verdict(topic(), topic())).contains("of that name, a.orders: delete it there"))
        #expect(reason(try verdict(topic(), topic(.mirroring, link: "b->hub"))).contains("at the target, a.orders:"))
    }

    @Test func aTopicHasOneNameAtTheTarget() throws {
        let chained = reason(try verdict(topic(), other: ("b.a.orders", topic(.mirroring, link: "b->hub"))))
        #expect(chained.contains("has it as b.a.orders by link b->hub") && chained.contains("topics.exclude"))
        let renamed = reason(try verdict(topic(), other: ("orders", topic(.mirroring, link: "a->hub"))))
        #expect(renamed.contains("replication.policy was changed: set that back, or delete orders"))
        // A failover under the name of before is told to the old home.
        let promoted = topic(link: "a->hub", homeEpoch: 1)
        #expect(try verdict(topic(), other: ("orders", promoted)) == .fence(homeEpoch: 1))
        #expect(reason(try verdict(topic(homeEpoch: 1), other: ("orders", promoted))).contains("has it as orders"))
    }
}
