import ClusterModel
import Controller
import Mirroring
import Testing

@Suite struct ExactTopicsTests {
    private func topics() throws -> ExactTopics {
        ExactTopics(
            topics: try NameSelection(including: ["orders.*", "__.*", "heartbeats"]),
            policy: ReplicationPolicy(naming: .identity),
            excludedSettings: try NameSelection(including: ["min\\.insync\\.replicas"]))
    }

    private func objection(
        _ topic: String, _ state: MirrorStanding.State = .ordinary, from source: String = "", id: UInt64 = 1,
        isMirrored: Bool = false
    ) throws -> ExactTopics.Objection? {
        try topics().objection(
            to: topic, id: KafkaUUID(high: 0, low: id),
            standing: MirrorStanding(state: state, link: "x->y", sourceClusterID: source, homeEpoch: 0),
            targetID: "east",
            isMirrored: isMirrored)
    }

    @Test func ordinaryTopicsAndChainsAreMirrored() throws {
        #expect(try objection("orders") == nil)
        #expect(try objection("orders", .mirroring, from: "north") == nil)
        // Promoted at the source after it came from the target.
        #expect(try objection("orders", .ordinary, from: "east") == nil)
    }

    @Test func whatComesFromTheTargetNeverReturns() throws {
        #expect(try objection("orders", .mirroring, from: "east") == .comesFromTarget)
        #expect(try objection("orders", .fenced, from: "east") == .comesFromTarget)
        #expect(try objection("orders", .fenced, from: "north") == .unsettled)
        #expect(try objection("orders", .promoting, from: "north") == .unsettled)
    }

    @Test func whatIsFencedForAPromotionIsMirroredToItsEnd() throws {
        #expect(try objection("orders", .fenced, from: "east", isMirrored: true) == nil)
        #expect(try objection("orders", .mirroring, from: "east", isMirrored: true) == .comesFromTarget)
    }

    @Test func othersAreLeft() throws {
        #expect(try objection("payments") == .notSelected)
        #expect(try objection("__consumer_offsets") == .isInternal)
        #expect(try objection("heartbeats") == .isInternal)
        #expect(try objection("orders", id: 0) == .hasNoID)
    }

    @Test func settingsFollow() throws {
        let source = ["retention.ms": "5", "min.insync.replicas": "2", "mirror.state": "mirroring", "a": "1"]
        let target = ["retention.ms": "6", "min.insync.replicas": "1", "mirror.link": "x->y", "b": "2", "a": "1"]
        #expect(try topics().differences(source: source, target: target) == ["retention.ms": "5", "b": nil])
    }
}
