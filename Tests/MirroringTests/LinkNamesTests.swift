import Mirroring
import Security
import Testing

@Suite struct LinkNamesTests {
    private static let there = LinkNames(source: "a", target: "hub", policy: ReplicationPolicy())
    private static let back = LinkNames(source: "hub", target: "a", policy: ReplicationPolicy())

    @Test(arguments: [
        ("orders", "a.orders"), ("b.orders", "a.b.orders"), ("hub.pay", "pay"), ("hub.b.pay", "b.pay"),
        ("a.orders", "a.a.orders"), ("hubbub", "a.hubbub"),
        // Of these each cluster has its own.
        ("__consumer_offsets", "__consumer_offsets"), ("heartbeats", "heartbeats"), ("a.heartbeats", "a.heartbeats"),
        ("mirror-gaps.a-hub.internal", "mirror-gaps.a-hub.internal"),
    ])
    func everyTopicHasOneNameAtEachEnd(source: String, target: String) {
        #expect(Self.there.atTarget(source) == target)
        #expect(Self.there.atSource(target) == source)
        #expect(Self.back.atSource(source) == target)
        #expect(Self.back.atTarget(target) == source)
    }

    @Test(arguments: ["hub.", "hub.a.orders", "hub.__transaction_state"])
    func whatWouldHaveAnothersNameHasNone(topic: String) {
        let marked = Self.there.atTarget(topic)
        #expect(LinkNames.isMarked(marked))
        #expect(Self.there.atSource(marked) == topic)
    }

    @Test func bothWaysUndoEachOther() {
        let parts = ["a", "hub", "a.b", "x", "", "__"]
        for first in parts {
            for second in parts {
                for third in parts {
                    let name = [first, second, third].joined(separator: ".")
                    for names in [
                        Self.there, Self.back, LinkNames(source: "a", target: "a.b", policy: ReplicationPolicy()),
                    ] {
                        #expect(names.atSource(names.atTarget(name)) == name, "\(name)")
                        #expect(names.atTarget(names.atSource(name)) == name, "\(name)")
                    }
                }
            }
        }
    }

    @Test func unchangedNamesStayAsTheyAre() {
        let same = LinkNames(source: "a", target: "hub", policy: ReplicationPolicy(naming: .identity))
        for name in ["orders", "hub.orders", "a.orders", "!", "__consumer_offsets", ""] {
            #expect(same.atTarget(name) == name && same.atSource(name) == name && !same.namesTargets(name))
        }
        #expect(same.areSame && !Self.there.areSame)
    }

    @Test func separatorsMayBeLonger() {
        let names = LinkNames(source: "a", target: "b", policy: ReplicationPolicy(separator: "__"))
        #expect(names.atTarget("orders") == "a__orders" && names.atSource("orders") == "b__orders")
        #expect(names.namesTargets("b__orders") && !names.namesTargets("b.orders"))
    }

    @Test(arguments: [
        (ResourcePattern.Form.literal, "orders", ResourcePattern.Form.literal, "a.orders"),
        (.literal, "hub.pay", .literal, "pay"),
        (.literal, "*", .prefixed, "a."),
        (.prefixed, "ord", .prefixed, "a.ord"),
        (.prefixed, "hub.pa", .prefixed, "pa"),
        (.prefixed, "hub.", .literal, "*"),
        (.literal, "__consumer_offsets", .literal, "__consumer_offsets"),
    ])
    func rulesMeanTheSameTopics(
        form: ResourcePattern.Form, name: String, formThere: ResourcePattern.Form, nameThere: String
    ) {
        func rule(_ form: ResourcePattern.Form, _ name: String, _ type: ResourceType = .topic) -> RuleName {
            RuleName(
                type.rawValue, name, form: form.rawValue, principal: "User:alice", host: "*",
                operation: AccessOperation.write.rawValue, permission: AccessPermission.allow.rawValue)
        }
        #expect(rule(form, name).atExactTarget(Self.there) == rule(formThere, nameThere))
        #expect(rule(formThere, nameThere).atExactTarget(Self.back) == rule(form, name))
        #expect(rule(form, name, .group).atExactTarget(Self.there) == rule(form, name, .group))
    }
}
