import ClusterModel
import Controller
import Testing

@Suite("Leases of homes in the tree")
struct HomeLeaseTests {
    private func image(_ state: MirrorStanding.State, lease: String? = "5000") -> ClusterImage {
        var partition = PartitionImage(replicas: [BrokerID(1)])
        partition.setState(
            PartitionState(leader: BrokerID(1), leaderEpoch: 7, isr: [BrokerID(1)], controllerEpoch: 3), version: 9)
        let standing = MirrorStanding(state: state, link: "a->b", sourceClusterID: "a-id", homeEpoch: 5)
        var configs = standing.settings(in: ["retention.ms": "1"])
        configs[HomeLease.limitKey] = lease
        configs[HomeLease.linkKey] = "b->a"
        var topic = TopicImage(id: KafkaUUID(high: 5, low: 5), partitions: [partition], configs: configs)
        topic.configVersion = 4
        var image = ClusterImage()
        image.setTopic("t", topic)
        return image
    }

    private func affirmation(link: String = "a->b", homeEpoch: Int32 = 5, seconds: Int? = 5) -> HomeAffirmation {
        HomeAffirmation(topic: "t", link: link, homeEpoch: homeEpoch, limit: seconds.map { .seconds($0) })
    }

    @Test("A lease is renewed on condition that the topic's settings are still those by which it is a mirror topic")
    func affirmed() throws {
        let change = TreeChange.affirmHomes([affirmation(), affirmation(seconds: 4)])
        let check = TreeWrite.check(path: "/config/topics/t", version: 4)
        #expect(
            try change.transactions(on: image(.mirroring), configNode: nil) == [TreeTransaction([check, check])])
    }

    @Test("No lease is renewed of a topic that is being promoted, that is another's, or that knows of no such lease")
    func refused() {
        var deleted = image(.mirroring)
        deleted.topicsBeingDeleted = ["t"]
        let refused: [(HomeAffirmation, ClusterImage)] = [
            (affirmation(), image(.promoting)), (affirmation(), image(.ordinary)), (affirmation(), image(.fenced)),
            (affirmation(link: "c->b"), image(.mirroring)), (affirmation(homeEpoch: 4), image(.mirroring)),
            (affirmation(homeEpoch: 6), image(.mirroring)), (affirmation(seconds: 6), image(.mirroring)),
            (affirmation(), image(.mirroring, lease: nil)), (affirmation(), image(.mirroring, lease: "soon")),
            (affirmation(), deleted), (affirmation(), ClusterImage()),
        ]
        for (affirmation, image) in refused {
            #expect(throws: ChangeRefusal.self) { try affirmation.check(on: image) }
        }
    }

    @Test("Whether a topic is a mirror topic still can be asked without a lease")
    func affirmedWithoutLease() throws {
        let check = TreeWrite.check(path: "/config/topics/t", version: 4)
        for lease in [nil, "5000"] {
            #expect(try affirmation(seconds: nil).check(on: image(.mirroring, lease: lease)) == check)
            for state in [MirrorStanding.State.promoting, .ordinary, .fenced] {
                #expect(throws: ChangeRefusal.self) {
                    try affirmation(seconds: nil).check(on: image(state, lease: lease))
                }
            }
        }
    }

    @Test("Where the home has moved nothing is left of leases; a fence keeps them")
    func moves() throws {
        func settings(_ action: MirrorAlteration.Action, from state: MirrorStanding.State, _ epoch: Int32) throws
            -> [String: String]
        {
            let alteration = MirrorAlteration(
                topic: "t", topicID: .zero, action: action, link: "a->b", sourceClusterID: "a-id", homeEpoch: epoch)
            guard case .set(_, let data, _)? = try alteration.writes(on: image(state), configNodeExists: true).first
            else { return [:] }
            return try ConfigNode.parse(data)
        }
        for moved in [
            try settings(.promote(cuts: [0: 3]), from: .promoting, 5),
            try settings(.rewind(cuts: [0: 3]), from: .fenced, 5),
        ] {
            #expect(moved["retention.ms"] == "1")
            #expect(moved[HomeLease.limitKey] == nil && moved[HomeLease.linkKey] == nil)
        }
        for kept in [
            try settings(.fence, from: .ordinary, 6), try settings(.unfence, from: .fenced, 6),
            try settings(.beginPromotion(isSourceLost: false), from: .mirroring, 5),
        ] {
            #expect(kept[HomeLease.limitKey] == "5000" && kept[HomeLease.linkKey] == "b->a")
        }
    }
}
