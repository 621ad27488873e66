import Mirroring
import Testing

@Suite struct TopicPlanTests {
    private func plan(_ naming: ReplicationPolicy.Naming = .prefixed) throws -> TopicPlan {
        TopicPlan(
            source: "us", target: "eu", policy: ReplicationPolicy(naming: naming),
            topics: try NameSelection(including: [".*"], excluding: ["secret"]),
            excludedSettings: try NameSelection(including: ["min\\.insync\\.replicas"]), copiesHeartbeats: true,
            synchronizesSettings: true)
    }

    @Test func remoteTopicsFollow() throws {
        let sources = [
            "a": TopicShape(partitionCount: 4, configuration: ["retention.ms": "1", "min.insync.replicas": "2"]),
            "b": TopicShape(partitionCount: 4, configuration: ["retention.ms": "5"]),
            "c": TopicShape(partitionCount: 1, configuration: [:]),
        ]
        let targets = [
            "us.b": TopicShape(
                partitionCount: 2,
                configuration: ["retention.ms": "4", "segment.bytes": "9", "min.insync.replicas": "1"]),
            "us.c": TopicShape(partitionCount: 3, configuration: [:]),
        ]
        #expect(
            try plan().changes(sources: sources, targets: targets) == [
                .create(topic: "us.a", TopicShape(partitionCount: 4, configuration: ["retention.ms": "1"])),
                .grow(topic: "us.b", partitionCount: 4),
                .configure(topic: "us.b", changes: ["retention.ms": .some("5"), "segment.bytes": nil as String?]),
            ])
    }

    @Test func copiesOfTopicsThatAreGone() throws {
        func orphans(_ plan: TopicPlan, _ copies: Set<String>) -> [String: String] {
            plan.orphans(among: copies, sources: ["a", "heartbeats"], targets: copies.subtracting(["us.deleted"]))
        }
        #expect(
            orphans(try plan(), ["us.a", "us.b", "us.c.d", "us.deleted", "us.secret", "b", "eu.b", "us.heartbeats"])
                == ["b": "us.b", "c.d": "us.c.d"])
        #expect(orphans(try plan(.identity), ["a", "b", "us.heartbeats", "secret"]) == ["b": "b"])
    }

    @Test func whatIsCopied() throws {
        let plan = try plan()
        #expect(plan.copies("orders"))
        #expect(plan.copies("heartbeats"))
        #expect(plan.copies("asia.orders"))
        for name in ["secret", "eu.orders", "asia.eu.orders", "__consumer_offsets", "eu.checkpoints.internal"] {
            #expect(!plan.copies(name), "\(name)")
        }
        #expect(try !self.plan(.identity).copies("orders", copiesFromTarget: ["orders"]))
    }
}
