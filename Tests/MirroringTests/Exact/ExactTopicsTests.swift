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
        isMirrored: Bool = false, link: String = "x->y"
    ) throws -> ExactTopics.Objection? {
        try topics().objection(
            to: topic, id: KafkaUUID(high: 0, low: id),
            standing: MirrorStanding(state: state, link: link, sourceClusterID: source, homeEpoch: 0),
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

    @Test func forksOfDrillsGoNowhere() throws {
        let fork = try ForkLink(of: "x->y", prefix: "drill.").name
        for state in [MirrorStanding.State.ordinary, .mirroring, .promoting] {
            #expect(try objection("orders", state, from: "north", link: fork) == .isFork)
        }
    }

    @Test func othersAreLeft() throws {
        #expect(try objection("payments") == .notSelected)
        #expect(try objection("__consumer_offsets") == .isInternal)
        #expect(try objection("heartbeats") == .isInternal)
        #expect(try objection("orders", id: 0) == .hasNoID)
    }

    private func topic(
        _ state: MirrorStanding.State = .ordinary, link: String = "west->east", from source: String = "",
        homeEpoch: Int32 = 0, id: UInt64 = 1, partitions: Int32 = 1, _ settings: [String: String] = [:]
    ) -> StandingTopic {
        let standing = MirrorStanding(state: state, link: link, sourceClusterID: source, homeEpoch: homeEpoch)
        return StandingTopic(
            id: KafkaUUID(high: 0, low: id), partitionCount: partitions, settings: standing.settings(in: settings))
    }

    private func verdict(
        _ source: StandingTopic, _ target: StandingTopic?, comparesSettings: Bool = true
    ) throws -> TopicVerdict {
        try topics().verdict(
            on: "orders", source: source, target: target, link: "west->east", sourceID: "west",
            targetID: "east", comparesSettings: comparesSettings)
    }

    @Test func newTopicsAreMadeAsTheirSourcesAre() throws {
        let source = topic(link: "", partitions: 4, ["retention.ms": "5", "min.insync.replicas": "2"])
        let change = TopicVerdict.Change(
            isNew: true, partitionCount: 4, homeEpoch: 0, settings: ["retention.ms": "5"])
        #expect(try verdict(source, nil) == .mirror(change))
    }

    @Test func mirrorTopicsGrowAndTakeOverSettings() throws {
        let mirror = topic(.mirroring, partitions: 2, ["retention.ms": "5"])
        #expect(try verdict(topic(link: "", partitions: 2, ["retention.ms": "5"]), mirror) == .mirror(nil))
        let source = topic(link: "", partitions: 3, ["retention.ms": "6"])
        var change = TopicVerdict.Change(
            isNew: false, partitionCount: 3, homeEpoch: 0, settings: ["retention.ms": "6"])
        #expect(try verdict(source, mirror) == .mirror(change))
        change.settings = [:]
        #expect(try verdict(source, mirror, comparesSettings: false) == .mirror(change))
        // Of one that was made anew the partitions find out.
        #expect(try verdict(topic(link: "", id: 2, partitions: 3), mirror) == .mirror(nil))
        // A planned promotion has fenced the source: the mirror's epoch rises with the promotion, not before.
        #expect(try verdict(topic(.fenced, homeEpoch: 1, partitions: 2, ["retention.ms": "5"]), mirror) == .mirror(nil))
    }

    @Test func homesThatHaveMovedAreToldToTheSource() throws {
        let promoted = topic(homeEpoch: 1)
        #expect(try verdict(topic(link: ""), promoted) == .fence(homeEpoch: 1))
        #expect(try verdict(topic(.fenced, homeEpoch: 1), promoted) == .leave(.unsettled))
    }

    /// east had become the home, was lost, and west is the home again.
    @Test func homesThatHaveComeBackAreToldToTheTarget() throws {
        let home = topic(link: "west->east", from: "east", homeEpoch: 2)
        for state in [MirrorStanding.State.ordinary, .promoting] {
            let told = topic(state, from: "west", homeEpoch: 1)
            #expect(try verdict(home, told) == .fenceTarget(homeEpoch: 2))
            // Another topic of that name.
            #expect(try verdict(home, topic(state, from: "west", homeEpoch: 1, id: 2)) != .fenceTarget(homeEpoch: 2))
            // Nothing has come from there.
            let other = topic(link: "west->north", from: "north", homeEpoch: 2)
            #expect(try verdict(other, told) != .fenceTarget(homeEpoch: 2))
        }
        #expect(try verdict(home, topic(.fenced, link: "east->west", from: "west", homeEpoch: 2)) == .leave(.unsettled))
        // As the link of the other direction sees it.
        let reclaimed = topic(link: "east->west", from: "west", homeEpoch: 2)
        #expect(try verdict(topic(from: "east", homeEpoch: 1), reclaimed) == .fence(homeEpoch: 2))
        #expect(try verdict(topic(.fenced, from: "east", homeEpoch: 2), reclaimed) == .leave(.comesFromTarget))
        // Both say the same of themselves: nobody knows.
        #expect(try verdict(home, topic(from: "west", homeEpoch: 2)) != .fenceTarget(homeEpoch: 2))
    }

    /// west->east->north, and north has become the home.
    @Test func homesThatHaveMovedPastTheTargetAreToldToTheSource() throws {
        let midway = topic(.fenced, link: "east->north", from: "north", homeEpoch: 1)
        #expect(try verdict(topic(link: ""), midway) == .fence(homeEpoch: 1))
        // Fenced for a move to the source, which has not heard of its own new epoch.
        let returned = topic(.fenced, link: "east->west", from: "west", homeEpoch: 1)
        #expect(try verdict(topic(link: ""), returned) == .leave(.unsettled))
    }

    /// west->east->north: north had become the home by way of east, and west has taken it back since.
    @Test func homesThatWereTakenBackAreToldToTheEndOfAChain() throws {
        let home = topic(link: "west->east", from: "east", homeEpoch: 2000)
        let midway = topic(.fenced, link: "east->north", from: "north", homeEpoch: 1001)
        #expect(try verdict(home, midway) == .fenceTarget(homeEpoch: 2000))
        let older = topic(link: "west->east", from: "east", homeEpoch: 1000)
        #expect(try verdict(older, midway) == .fence(homeEpoch: 1001))
        // As the link of the other direction sees it.
        #expect(try verdict(midway, home) == .fence(homeEpoch: 2000))
        // And then as the link from there to the end does, where another cluster has become the home after all.
        let told = topic(.fenced, link: "north->west", from: "north", homeEpoch: 2000)
        let later: [Int32: TopicVerdict] = [1001: .fenceTarget(homeEpoch: 2000), 3000: .fence(homeEpoch: 3000)]
        for (epoch, verdict) in later {
            #expect(try self.verdict(told, topic(from: "west", homeEpoch: epoch)) == verdict)
            let stranger = topic(from: "west", homeEpoch: epoch, id: 2)
            #expect(try self.verdict(told, stranger) == .leave(.unsettled))
        }
        for state in [MirrorStanding.State.promoting, .fenced] {
            #expect(try self.verdict(told, topic(state, from: "west", homeEpoch: 1001)) == .leave(.unsettled))
        }
        #expect(try self.verdict(told, nil) == .leave(.unsettled))
    }

    @Test func whatWasTakenOverTwiceIsForPeopleToDecide() throws {
        let midway = topic(.fenced, link: "east->north", from: "north", homeEpoch: 2000)
        let home = topic(link: "west->east", from: "east", homeEpoch: 2000)
        for (source, target) in [(home, midway), (midway, home)] {
            guard case .blocked(let reason) = try verdict(source, target) else {
                Issue.record("\(source) and \(target) are both left the home")
                continue
            }
            #expect(reason.contains("both are its home (home epoch 2000)"))
        }
    }

    @Test func whatStandsInTheWayIsNamed() throws {
        for other in [topic(link: ""), topic(.mirroring, link: "north->east")] {
            guard case .blocked(let reason) = try verdict(topic(link: ""), other) else {
                Issue.record("\(other) is taken for this link's")
                continue
            }
            #expect(reason.contains("ordinary") || reason.contains("north->east"))
        }
        #expect(try verdict(topic(link: ""), topic(.promoting)) == .leave(.unsettled))
    }

    @Test func selectionsTellWhichPatternMatched() throws {
        let selection = try NameSelection(including: ["orders.*", ".*-eu", "never"], excluding: ["orders-x"])
        #expect(selection.patterns(matching: "orders-eu") == ["orders.*", ".*-eu"])
        #expect(selection.patterns(matching: "orders") == ["orders.*"])
        #expect(selection.patterns == ["orders.*", ".*-eu", "never"])
    }

    @Test func settingsFollow() throws {
        let source = [
            "retention.ms": "5", "min.insync.replicas": "2", "mirror.state": "mirroring", "a": "1",
            "mirror.synchronous.link": "x->y", "mirror.synchronous.timeout.ms": "5",
        ]
        let target = [
            "retention.ms": "6", "min.insync.replicas": "1", "mirror.link": "x->y", "b": "2", "a": "1",
            "mirror.synchronous.link": "y->x",
        ]
        #expect(try topics().differences(source: source, target: target) == ["retention.ms": "5", "b": nil])
    }
}
