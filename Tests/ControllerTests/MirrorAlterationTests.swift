import ClusterModel
import Controller
import Testing

@Suite("Where the home of a topic is")
struct MirrorAlterationTests {
    private let id = KafkaUUID(high: 5, low: 5)

    private func image(_ state: MirrorStanding.State, homeEpoch: Int32, configVersion: Int32 = 4) -> ClusterImage {
        var partition = PartitionImage(replicas: [BrokerID(1), BrokerID(2)])
        partition.setState(
            PartitionState(leader: BrokerID(1), leaderEpoch: 7, isr: [BrokerID(1)], controllerEpoch: 3), version: 9)
        let standing = MirrorStanding(state: state, link: "a->b", sourceClusterID: "a-id", homeEpoch: homeEpoch)
        var topic = TopicImage(
            id: id, partitions: [partition, PartitionImage(replicas: [BrokerID(2)])],
            configs: standing.settings(in: ["retention.ms": "1"]))
        topic.configVersion = configVersion
        var image = ClusterImage()
        image.setTopic("t", topic)
        return image
    }

    private func alteration(_ action: MirrorAlteration.Action, homeEpoch: Int32) -> MirrorAlteration {
        MirrorAlteration(
            topic: "t", topicID: id, action: action, link: "a->b", sourceClusterID: "a-id", homeEpoch: homeEpoch)
    }

    /// The standing that the writes make; nil when there are none.
    private func standing(_ writes: [TreeWrite]) throws -> MirrorStanding? {
        guard case .set(let path, let data, let version)? = writes.first else { return nil }
        #expect(path == "/config/topics/t" && version == 4)
        let configs = try ConfigNode.parse(data)
        #expect(configs["retention.ms"] == "1")
        return MirrorStanding(configs)
    }

    @Test("Every step from every state: taken, taken already, or refused")
    func steps() throws {
        let begin = MirrorAlteration.Action.beginPromotion(isSourceLost: false)
        let lose = MirrorAlteration.Action.beginPromotion(isSourceLost: true)
        // What becomes of a topic of home epoch 5; nil: refused.
        let table: [(MirrorAlteration.Action, Int32, [State: (State, Int32)])] = [
            (begin, 5, [.mirroring: (.promoting, 5), .promoting: (.promoting, 5)]),
            (begin, 4, [.ordinary: (.ordinary, 5)]),
            (begin, 6, [:]),
            // Nothing that the lost source has given up outranks the next one.
            (lose, 5, [.mirroring: (.promoting, 999), .promoting: (.promoting, 5)]),
            (lose, 4, [.ordinary: (.ordinary, 5)]),
            (lose, 6, [:]),
            (.promote(cuts: [0: 3]), 5, [.promoting: (.ordinary, 6)]),
            (.promote(cuts: [0: 3]), 4, [.ordinary: (.ordinary, 5)]),
            (.fence, 5, [.fenced: (.fenced, 5), .mirroring: (.mirroring, 5), .promoting: (.promoting, 5)]),
            // One that was to become the home is overtaken by another.
            (.fence, 6, [.ordinary: (.fenced, 6), .fenced: (.fenced, 6), .promoting: (.fenced, 6)]),
            (.rewind(cuts: [0: 3]), 5, [.fenced: (.mirroring, 5), .mirroring: (.mirroring, 5)]),
            (.rewind(cuts: [0: 3]), 4, [:]),
            (.unfence, 5, [.ordinary: (.ordinary, 5)]),
            (.unfence, 6, [.fenced: (.ordinary, 6)]),
            (.reclaim, 5, [.fenced: (.promoting, 999), .promoting: (.promoting, 5)]),
            (.reclaim, 4, [.ordinary: (.ordinary, 5)]),
            (.reclaim, 6, [:]),
        ]
        for (action, homeEpoch, outcomes) in table {
            for state in [State.ordinary, .mirroring, .promoting, .fenced] {
                let image = image(state, homeEpoch: 5)
                let alteration = alteration(action, homeEpoch: homeEpoch)
                guard let (next, nextEpoch) = outcomes[state] else {
                    #expect(throws: ChangeRefusal.self, "\(action) \(homeEpoch) \(state)") {
                        try alteration.writes(on: image, configNodeExists: true)
                    }
                    continue
                }
                let made = try standing(try alteration.writes(on: image, configNodeExists: true))
                if next == state, nextEpoch == 5 {
                    #expect(made == nil, "\(action) \(homeEpoch) \(state)")
                } else {
                    #expect(made?.state == next && made?.homeEpoch == nextEpoch, "\(action) \(homeEpoch) \(state)")
                }
            }
        }
    }

    @Test(
        "Whatever moves a lost home has given up, who takes its place has the later home epoch",
        arguments: [(0, 1000), (499, 1000), (500, 2000), (999, 2000), (1000, 2000), (1500, 3000)] as [(Int32, Int32)])
    func takingOver(known: Int32, taken: Int32) throws {
        let steps: [(MirrorAlteration.Action, State)] = [
            (.beginPromotion(isSourceLost: true), .mirroring), (.reclaim, .fenced),
        ]
        for (action, state) in steps {
            let first = alteration(action, homeEpoch: known)
            let promoting = try #require(
                try standing(try first.writes(on: image(state, homeEpoch: known), configNodeExists: true)))
            #expect(promoting.state == .promoting && promoting.homeEpoch == taken - 1)
            let begun = image(.promoting, homeEpoch: taken - 1)
            // Asked for again, by who has not heard that it was done, or of the loss.
            for again in [action, state == .fenced ? action : .beginPromotion(isSourceLost: false)] {
                #expect(try alteration(again, homeEpoch: known).writes(on: begun, configNodeExists: true).isEmpty)
            }
            let second = alteration(.promote(cuts: [0: 3]), homeEpoch: taken - 1)
            let home = try #require(try standing(try second.writes(on: begun, configNodeExists: true)))
            #expect(home.state == .ordinary && home.homeEpoch == taken)
            for done in [first, second] {
                let image = image(.ordinary, homeEpoch: taken)
                #expect(try done.writes(on: image, configNodeExists: true).isEmpty)
            }
        }
    }

    @Test("There is an end to home epochs, which is refused")
    func exhausted() throws {
        for (action, state) in [
            (MirrorAlteration.Action.beginPromotion(isSourceLost: true), State.mirroring), (.reclaim, .fenced),
            (.promote(cuts: [0: 3]), .promoting),
        ] {
            #expect(throws: ChangeRefusal.self) {
                try alteration(action, homeEpoch: .max)
                    .writes(on: image(state, homeEpoch: .max), configNodeExists: true)
            }
        }
    }

    private typealias State = MirrorStanding.State

    @Test("A topic that is mirrored here and from here on is fenced when its home moves to the chain's end")
    func fencedMidway() throws {
        let image = image(.mirroring, homeEpoch: 5)
        func fence(_ newHome: String, _ homeEpoch: Int32) throws -> MirrorStanding? {
            let fence = MirrorAlteration(
                topic: "t", topicID: id, action: .fence, link: "b->c", sourceClusterID: newHome, homeEpoch: homeEpoch)
            return try standing(try fence.writes(on: image, configNodeExists: true))
        }
        let midway = MirrorStanding(state: .fenced, link: "b->c", sourceClusterID: "c-id", homeEpoch: 6)
        #expect(try fence("c-id", 6) == midway)
        #expect(try fence("c-id", 5) == nil)
        // Its own source tells it by mirroring on.
        #expect(throws: ChangeRefusal.self) { try fence("a-id", 6) }
    }

    @Test("A mirror topic of a deleted topic's id begins behind the last leader epoch that one had")
    func madeAnew() throws {
        let state = try #require(image(.mirroring, homeEpoch: 5).topics["t"]?.partitions[0].state)
        let removal = TopicRemoval(
            of: "t", id: id, nodes: ["/brokers/topics/t/partitions/0/state", "/brokers/topics/t"],
            readings: [NodeReading(data: state.text, version: 9, created: 1)])
        let note = try #require(removal.note(over: nil))
        guard case .create(let path, let said, _) = note else { throw Unexpected(write: note) }
        #expect(TreeNode(path: path) == .deletedTopic(id))

        var image = ClusterImage()
        image.brokers = [
            BrokerID(1): BrokerRegistration(endpoints: []), BrokerID(2): BrokerRegistration(endpoints: []),
        ]
        let reading = NodeReading(data: said, version: 3, created: 1)
        try image.take(.deletedTopic(id), reading)
        let wanted = MirrorTopic(
            partitionCount: 2, placement: [[BrokerID(1), BrokerID(2)], [BrokerID(2)]], configs: [:])
        let writes = try alteration(.mirror(wanted), homeEpoch: 5).writes(on: image, configNodeExists: false)
        guard case .create(_, let configs, _) = writes[0], case .create(_, let topic, _) = writes[1] else {
            throw Unexpected(write: writes[0])
        }
        try image.take(.topic("t"), NodeReading(data: topic, version: 0, created: 2))
        try image.take(.topicConfig("t"), NodeReading(data: configs, version: 0, created: 2))
        let cut = MirrorCuts.Cut(offset: 0, leaderEpoch: 8)
        #expect(image.topics["t"].map { MirrorCuts(configs: $0.configs).cuts } == [0: [cut], 1: [cut]])
        let controller = ClusterController(epoch: 3, epochNodeVersion: 5, uncleanElectionByDefault: false)
        guard case .write(let states)? = controller.steps(for: image).first else { throw Unexpected(write: nil) }
        let epochs = try states.compactMap { write throws -> LeaderEpoch? in
            guard case .create(let path, let data, _) = write, path.hasSuffix("/state") else { return nil }
            return try PartitionState(parsing: data).leaderEpoch
        }
        #expect(epochs == [8, 8])

        #expect(removal.note(over: reading) == nil)
        for (present, isWritten) in [("6", true), ("8", false), ("", true), ("x", true), ("-1", true)] {
            let reading = NodeReading(data: Array(present.utf8), version: 3, created: 1)
            let expected = isWritten ? TreeWrite.set(path: path, data: Array("7".utf8), version: 3) : nil
            #expect(removal.note(over: reading) == expected, "\(present)")
        }
    }

    private struct Unexpected: Error { var write: TreeWrite? }

    @Test("A promotion begins a leader epoch of each partition with its cuts, in one transaction on condition of all")
    func cuts() throws {
        let image = image(.promoting, homeEpoch: 5)
        let transactions = try TreeChange.alterMirror(alteration(.promote(cuts: [0: 33]), homeEpoch: 5))
            .transactions(on: image, configNode: nil)
        let writes = try #require(transactions.first?.writes)
        #expect(transactions.count == 1 && writes.count == 2)
        guard case .set(_, let configs, 4) = writes[0], case .set(let path, let state, 9) = writes[1] else {
            Issue.record("\(writes)")
            return
        }
        let told = MirrorCuts(configs: try ConfigNode.parse(configs)).cuts
        #expect(told == [0: [MirrorCuts.Cut(offset: 33, leaderEpoch: 8)]])
        #expect(path == "/brokers/topics/t/partitions/0/state")
        let after = try PartitionState(parsing: state)
        #expect(after.leaderEpoch == 8 && after.leader == BrokerID(1) && after.isr == [BrokerID(1)])
        for cuts in [[Int32(7): Offset(1)], [0: -1], [-1: 0]] {
            #expect(throws: ChangeRefusal.self) {
                try alteration(.promote(cuts: cuts), homeEpoch: 5).writes(on: image, configNodeExists: true)
            }
        }
    }

    @Test(
        "A cut stands beside a later one that cuts off less",
        arguments: [
            ("0:2@3", "0:2@3,0:33@8"), ("0:33@3", "0:33@8"), ("0:40@3", "0:33@8"), ("0:2@3,0:40@5", "0:2@3,0:33@8"),
            ("0:1@1,0:2@2,0:3@3,0:4@4", "0:2@2,0:3@3,0:4@4,0:33@8"), ("0:2@9", "0:33@8"),
            ("1:7@3", "0:33@8,1:7@3"),
        ])
    func earlierCuts(before: String, after: String) throws {
        var image = image(.promoting, homeEpoch: 5)
        image.updateTopic("t") { $0.configs["mirror.cuts"] = before }
        let writes = try alteration(.promote(cuts: [0: 33]), homeEpoch: 5).writes(on: image, configNodeExists: true)
        guard case .set(_, let configs, _)? = writes.first else { throw Unexpected(write: writes.first) }
        #expect(try ConfigNode.parse(configs)["mirror.cuts"] == after)
    }

    @Test("Another topic's id, another link, a topic that is being deleted: refused")
    func others() throws {
        func reason(
            _ image: ClusterImage, _ change: (inout MirrorAlteration) -> Void
        ) -> ChangeRefusal.Reason? {
            var alteration = alteration(.beginPromotion(isSourceLost: false), homeEpoch: 5)
            change(&alteration)
            do throws(ChangeRefusal) {
                _ = try alteration.writes(on: image, configNodeExists: true)
                return nil
            } catch {
                return error.reason
            }
        }
        var image = image(.mirroring, homeEpoch: 5)
        #expect(reason(image) { $0.topicID = KafkaUUID(high: 1, low: 1) } == .inconsistentTopicID)
        #expect(reason(image) { $0.topicID = .zero } == nil)
        #expect(reason(image) { $0.link = "c->b" } == .invalidRequest)
        #expect(reason(image) { $0.topic = "u" } == .unknownTopicOrPartition)
        image.topicsBeingDeleted = ["t"]
        #expect(reason(image) { _ in } == .unknownTopicOrPartition)
    }

    @Test("What a foreign hand has written into the settings makes nobody write")
    func foreign() {
        #expect(MirrorStanding(["mirror.state": "whatever"]).state == .fenced)
        #expect(MirrorStanding([:]) == .ordinary)
        #expect(MirrorCuts(configs: ["mirror.cuts": "0:1@2,x,1:2,3:-4@1,4:5@6,:@"]).cuts.keys.sorted() == [0, 4])
        var cuts = MirrorCuts()
        cuts.add(MirrorCuts.Cut(offset: 9, leaderEpoch: 1), to: 3)
        cuts.add(MirrorCuts.Cut(offset: 0, leaderEpoch: 0), to: 0)
        #expect(cuts.text == "0:0@0,3:9@1" && MirrorCuts(configs: ["mirror.cuts": cuts.text ?? ""]) == cuts)
        #expect(MirrorCuts().text == nil)
    }
}
