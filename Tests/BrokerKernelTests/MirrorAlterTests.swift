import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolClusters
import KafkaProtocolTransactions
import NIOCore
import SegmentedLog
import Testing

@Suite("Topics whose home moves")
struct MirrorAlterTests {
    private let id = KafkaUUID(high: 77, low: 1)
    private let west = "cluster-in-the-west-0"

    private func wanted(_ action: Int8, _ topic: String = "t", homeEpoch: Int32 = 0) -> MirrorAlterRequest.AlteredTopic
    {
        var wanted = MirrorAlterRequest.AlteredTopic()
        wanted.name = topic
        wanted.topicId = id
        wanted.action = action
        wanted.linkName = link
        wanted.sourceClusterId = west
        wanted.homeEpoch = homeEpoch
        wanted.partitionCount = 2
        wanted.replicationFactor = 1
        return wanted
    }

    private func cut(_ index: Int32, _ offset: Offset) -> MirrorAlterRequest.PartitionCut {
        var cut = MirrorAlterRequest.PartitionCut()
        cut.index = index
        cut.offset = offset
        return cut
    }

    private func config(_ name: String, _ value: String?) -> MirrorAlterRequest.TopicConfig {
        var config = MirrorAlterRequest.TopicConfig()
        config.name = name
        config.value = value
        return config
    }

    private func alter(
        _ bench: BrokerBench, _ topics: [MirrorAlterRequest.AlteredTopic], validateOnly: Bool = false
    ) throws -> [MirrorAlterResponse.AlteredTopicResult] {
        var request = MirrorAlterRequest()
        request.timeoutMs = 1000
        request.validateOnly = validateOnly
        request.topics = topics
        return try bench.call(request).topics
    }

    private func alter(
        _ bench: BrokerBench, _ topic: MirrorAlterRequest.AlteredTopic
    ) throws -> Told {
        let told = try #require(try alter(bench, [topic]).first)
        #expect((told.errorCode == 0) == (told.errorMessage == nil))
        return Told(.of(told.errorCode), told.homeEpoch)
    }

    private struct Told: Equatable {
        var error: ErrorCode
        var homeEpoch: Int32

        init(_ error: ErrorCode, _ homeEpoch: Int32) {
            self.error = error
            self.homeEpoch = homeEpoch
        }
    }

    private func standing(_ bench: BrokerBench, _ topic: String = "t") throws -> MirrorStanding {
        MirrorStanding(try #require(bench.image.topics[topic]).configs)
    }

    @Test("A mirror topic has its source's id, partitions and settings; making it again changes nothing")
    func mirror() throws {
        let bench = try BrokerBench()
        var topic = wanted(0, homeEpoch: 3)
        topic.configs = [config("retention.ms", "5000"), config("cleanup.policy", "compact")]
        #expect(try alter(bench, [topic], validateOnly: true).map(\.errorCode) == [0])
        #expect(bench.image.topics["t"] == nil)
        for _ in 0..<2 { #expect(try alter(bench, topic) == Told(.none, 3)) }
        let made = try #require(bench.image.topics["t"])
        #expect(made.id == id && made.partitions.count == 2 && made.configVersion == 0)
        #expect(
            try standing(bench)
                == MirrorStanding(state: .mirroring, link: link, sourceClusterID: west, homeEpoch: 3))
        // It grows, and its settings follow.
        topic.partitionCount = 3
        topic.configs = [config("retention.ms", nil), config("segment.ms", "7")]
        #expect(try alter(bench, topic).error == .none)
        let grown = try #require(bench.image.topics["t"])
        #expect(grown.partitions.count == 3 && grown.configs["retention.ms"] == nil)
        #expect(grown.configs["segment.ms"] == "7" && grown.configs["cleanup.policy"] == "compact")
        topic.partitionCount = 2
        #expect(try alter(bench, topic).error == .invalidPartitions)
    }

    @Test("A topic that is something else is left alone")
    func conflicts() throws {
        let bench = try BrokerBench()
        try bench.createTopic("ordinary")
        var topic = wanted(0, "ordinary")
        #expect(try alter(bench, topic).error == .topicAlreadyExists)
        topic.topicId = try #require(bench.image.topics["ordinary"]).id
        #expect(try alter(bench, topic).error == .topicAlreadyExists)
        #expect(try alter(bench, wanted(0)).error == .none)
        topic = wanted(0)
        topic.linkName = "north->east"
        #expect(try alter(bench, topic).error == .topicAlreadyExists)
        topic = wanted(0)
        topic.topicId = KafkaUUID(high: 77, low: 2)
        #expect(try alter(bench, topic).error == .topicAlreadyExists)
        // A topic's id is one topic's.
        #expect(try alter(bench, wanted(0, "other")).error == .topicAlreadyExists)
        topic = wanted(0, "bad")
        topic.topicId = KafkaUUID(high: 77, low: 3)
        topic.configs = [config("mirror.state", "ordinary")]
        #expect(try alter(bench, topic).error == .invalidConfig)
        topic.configs = [config("no.such.thing", "1")]
        #expect(try alter(bench, topic).error == .invalidConfig)
        topic.configs = []
        topic.partitionCount = 0
        #expect(try alter(bench, topic).error == .invalidRequest)
        #expect(try alter(bench, wanted(0, "__consumer_offsets")).error == .invalidTopicException)
        #expect(try alter(bench, wanted(9)).error == .invalidRequest)
        #expect(try alter(bench, wanted(1, "absent")).error == .unknownTopicOrPartition)
        #expect(
            try alter(bench, [wanted(0), wanted(1)]).map { ErrorCode.of($0.errorCode) } == [
                .invalidRequest, .invalidRequest,
            ])
        try bench.changeImage { $0.controllerID = BrokerID(2) }
        #expect(try alter(bench, wanted(1)).error == .notController)
    }

    @Test("Promotion: read-only, then nobody writes, then everybody does, in a new home epoch and new leader epochs")
    func promotion() throws {
        let bench = try BrokerBench()
        _ = try alter(bench, wanted(0, homeEpoch: 1))
        try bench.mirror(placed(["a", "b"], at: 0), to: "t", end: 0, homeEpoch: 1)
        let refused = try bench.produce(batch(["x"]), to: "t")
        #expect(ErrorCode.of(refused.errorCode) == .invalidRequest)
        #expect(
            refused.errorMessage
                == "t is a mirror topic of link west->east: it is read-only until it is promoted "
                + "(martlet mirror promote)")
        var promotion = wanted(2, homeEpoch: 1)
        #expect(try alter(bench, promotion).error == .invalidRequest)
        #expect(try alter(bench, wanted(1, homeEpoch: 0)).error == .fencedLeaderEpoch)
        for _ in 0..<2 { #expect(try alter(bench, wanted(1, homeEpoch: 1)) == Told(.none, 1)) }
        #expect(try bench.describedMirror(partitions: [0, 1]).partitions.map(\.state) == [2, 2])
        #expect(ErrorCode.of(try bench.produce(batch(["x"]), to: "t").errorCode) == .invalidRequest)
        #expect(
            ErrorCode.of(try bench.mirror(placed(["c"], at: 2), to: "t", end: 2, homeEpoch: 1).errorCode)
                == .invalidRequest)
        #expect(try alter(bench, wanted(0, homeEpoch: 1)).error == .invalidRequest)
        promotion.cuts = [cut(0, 2), cut(7, 0)]
        #expect(try alter(bench, promotion).error == .invalidRequest)
        promotion.cuts = [cut(0, 2), cut(1, 0)]
        let epochs = try bench.describedMirror(partitions: [0, 1]).partitions.map(\.leaderEpoch)
        for _ in 0..<2 { #expect(try alter(bench, promotion) == Told(.none, 2)) }
        // Who comes late with an earlier step is told that it was taken.
        #expect(try alter(bench, wanted(1, homeEpoch: 1)) == Told(.none, 2))
        let told = try bench.describedMirror(partitions: [0, 1])
        #expect(told.partitions.map(\.state) == [0, 0] && told.partitions.map(\.homeEpoch) == [2, 2])
        #expect(told.partitions.map(\.leaderEpoch) == epochs.map { $0 + 1 })
        #expect(told.partitions.map(\.cutOffset) == [2, 0] && told.linkName == link)
        #expect(try bench.produce(batch(["c"]), to: "t").baseOffset == 2)
        #expect(try bench.values(in: "t") == ["a", "b", "c"])
        // What comes behind the cut in the new epochs stays.
        try bench.restart()
        #expect(try bench.values(in: "t") == ["a", "b", "c"])
        #expect(
            ErrorCode.of(try bench.mirror(placed(["d"], at: 3), to: "t", end: 3, homeEpoch: 1).errorCode)
                == .invalidRequest)
    }

    @Test("The old home is fenced, and rewound to mirror the new one")
    func fenceAndRewind() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        func step(_ action: Int8, homeEpoch: Int32) -> MirrorAlterRequest.AlteredTopic {
            var topic = wanted(action, homeEpoch: homeEpoch)
            topic.topicId = .zero
            return topic
        }
        for value in ["a", "b", "c", "d"] { try bench.produce(batch([value]), to: "t") }
        #expect(try alter(bench, step(3, homeEpoch: 0)).error == .fencedLeaderEpoch)
        for _ in 0..<2 { #expect(try alter(bench, step(3, homeEpoch: 1)) == Told(.none, 1)) }
        let refused = try bench.produce(batch(["e"]), to: "t")
        #expect(ErrorCode.of(refused.errorCode) == .invalidRequest)
        #expect(refused.errorMessage?.contains("home epoch 1") == true)
        #expect(try alter(bench, wanted(3, homeEpoch: 2)).error == .inconsistentTopicId)
        var rewind = step(4, homeEpoch: 0)
        #expect(try alter(bench, rewind).error == .fencedLeaderEpoch)
        rewind = step(4, homeEpoch: 1)
        rewind.cuts = [cut(0, 2)]
        for _ in 0..<2 { #expect(try alter(bench, rewind) == Told(.none, 1)) }
        // Below what was committed: only here.
        let log = try #require(bench.kernel.partitions[TopicPartition(topic: "t", partition: 0)]?.log)
        #expect(log.logEndOffset == 2 && log.highWatermark == 2)
        try bench.mirror(placed(["C", "D"], at: 2), to: "t", end: 2, homeEpoch: 1)
        #expect(try bench.values(in: "t") == ["a", "b", "C", "D"])
        try bench.restart()
        try bench.elect("t", epoch: 9)
        #expect(try bench.values(in: "t") == ["a", "b", "C", "D"])
        // Fencing that comes late changes nothing.
        #expect(try alter(bench, step(3, homeEpoch: 1)) == Told(.none, 1))
        #expect(try standing(bench).state == .mirroring)
    }

    @Test(
        "A replica that was away is cut back when it comes, also when the home has moved again since",
        arguments: [
            ("0:1@1", ["a"]), ("0:1@1,0:3@2", ["a"]), ("0:2@1,0:7@2", ["a", "b"]), ("0:3@1,0:7@2", ["a", "b", "c"]),
        ])
    func lateReplica(cuts: String, rest: [String]) throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        for value in ["a", "b", "c"] { try bench.produce(batch([value]), to: "t") }
        try bench.restart { image in
            image.updateTopic("t") { topic in
                let standing = MirrorStanding(state: .mirroring, link: link, sourceClusterID: west, homeEpoch: 1)
                topic.configs = standing.settings(in: ["mirror.cuts": cuts])
                topic.partitions[0].leaderEpoch = 2
            }
        }
        #expect(try bench.values(in: "t") == rest)
    }

    @Test("What is not committed behind a cut is not after a restart either, though more was before")
    func cutBelowWhatIsRemembered() throws {
        let bench = try BrokerBench()
        bench.arePeersReachable = true
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2], leader: 1)
        for value in ["a", "b", "c", "d"] { try bench.produce(batch([value]), to: "t", acks: 1) }
        _ = try bench.send(bench.replicaFetch("t", by: 2, from: 4, maxWait: 0))
        try bench.advance(milliseconds: 10_000)
        func log() throws -> PartitionLog {
            try #require(bench.kernel.partitions[TopicPartition(topic: "t", partition: 0)]?.log)
        }
        #expect(try log().highWatermark == 4)
        var topic = wanted(3, homeEpoch: 1)
        topic.topicId = .zero
        _ = try alter(bench, topic)
        topic.action = 4
        topic.cuts = [cut(0, 2)]
        #expect(try alter(bench, topic) == Told(.none, 1))
        _ = try bench.send(bench.replicaFetch("t", by: 2, from: 2, maxWait: 0))
        _ = try bench.send(bench.mirrorRequest(placed(["C", "D"], at: 2), to: "t", end: 2, homeEpoch: 1))
        #expect(try log().logEndOffset == 4 && log().highWatermark == 2)
        try bench.restart()
        #expect(try log().logEndOffset == 4 && log().highWatermark == 2)
    }

    @Test("A promotion that is given up leaves the old home as it was")
    func unfence() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        var topic = wanted(3, homeEpoch: 1)
        topic.topicId = .zero
        _ = try alter(bench, topic)
        topic.action = 5
        #expect(try alter(bench, topic).error == .fencedLeaderEpoch)
        topic.homeEpoch = 2
        for _ in 0..<2 { #expect(try alter(bench, topic) == Told(.none, 2)) }
        #expect(ErrorCode.of(try bench.produce(batch(["a"]), to: "t").errorCode) == .none)
    }

    @Test("Open transactions are aborted while the home is on its way, and their producers fenced")
    func settling() throws {
        let bench = try BrokerBench()
        _ = try alter(bench, wanted(0))
        let open = [
            placed(["a"], at: 0),
            placed(["b"], at: 1, producer: 6, producerEpoch: 4, sequence: 0, isTransactional: true),
        ]
        try bench.mirror(joined(open), to: "t", end: 0)
        func abort(_ epoch: Int16, partition: Int32 = 0, commits: Bool = false) throws -> ErrorCode {
            var marker = WriteTxnMarkersRequest.WritableTxnMarker()
            marker.producerId = 6
            marker.producerEpoch = epoch
            marker.transactionResult = commits
            var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
            topic.name = "t"
            topic.partitionIndexes = [partition]
            marker.topics = [topic]
            var request = WriteTxnMarkersRequest()
            request.markers = [marker]
            let told = try #require(try bench.call(request).markers.first)
            #expect(told.producerId == 6)
            return .of(try #require(told.topics.first?.partitions.first).errorCode)
        }
        #expect(try abort(5) == .invalidRequest)
        _ = try alter(bench, wanted(1))
        let told = try #require(try bench.describedMirror(partitions: [0, 1]).partitions.first)
        #expect(told.openTransactions.map(\.producerId) == [6] && told.openTransactions.map(\.firstOffset) == [1])
        #expect(told.openTransactions.map(\.producerEpoch) == [4] && told.lastStableOffset == 1)
        #expect(try abort(3) == .invalidProducerEpoch)
        #expect(try abort(5, partition: 9) == .unknownTopicOrPartition)
        #expect(try abort(5) == .none)
        // By now the home may be cut here: nothing comes behind the last marker that was needed.
        #expect(try abort(5) == .none && abort(5, commits: true) == .invalidRequest)
        let settled = try #require(try bench.describedMirror(partitions: [0, 1]).partitions.first)
        #expect(settled.openTransactions.isEmpty && settled.lastStableOffset == 3 && settled.logEndOffset == 3)
        var promotion = wanted(2)
        promotion.cuts = [cut(0, 3)]
        #expect(try alter(bench, promotion).error == .none)
        var request = bench.fetchRequest("t", from: 0, maxWait: 0)
        request.isolationLevel = 1
        let fetched = try #require(try bench.call(request).responses.first?.partitions.first)
        #expect(fetched.abortedTransactions?.map(\.firstOffset) == [1])
        // The producer whose transaction was open cannot go on with it.
        let zombie = try bench.produce(batch(["c"], producer: 6, epoch: 4, sequence: 1), to: "t")
        #expect(ErrorCode.of(zombie.errorCode) == .invalidProducerEpoch)
    }

    @Test("Clients see the settings of mirroring and cannot set them; nothing is deleted by the mirror's own clock")
    func settings() throws {
        let bench = try BrokerBench()
        let refused = try bench.createTopic("x", configs: ["mirror.state": "mirroring"])
        #expect(ErrorCode.of(refused.errorCode) == .invalidConfig)
        #expect(refused.errorMessage == "mirror.state is set by martlet mirror")
        var topic = wanted(0)
        topic.configs = [config("retention.ms", "1"), config("segment.ms", "1")]
        _ = try alter(bench, topic)
        var resource = DescribeConfigsRequest.DescribeConfigsResource()
        resource.resourceType = 2
        resource.resourceName = "t"
        resource.configurationKeys = MirrorStanding.keys
        var describing = DescribeConfigsRequest()
        describing.resources = [resource]
        let described = try bench.call(describing).results.first?.configs ?? []
        #expect(
            described.map(\.name) == ["mirror.home.epoch", "mirror.link", "mirror.source.cluster.id", "mirror.state"])
        #expect(described.map(\.value) == ["0", link, west, "mirroring"])
        #expect(described.map(\.readOnly) == [true, true, true, true])
        // Replacing all other settings leaves these.
        var replaced = AlterConfigsRequest.AlterConfigsResource()
        replaced.resourceType = 2
        replaced.resourceName = "t"
        var kept = AlterConfigsRequest.AlterableConfig()
        kept.name = "retention.ms"
        kept.value = "1"
        replaced.configs = [kept]
        var altering = AlterConfigsRequest()
        altering.resources = [replaced]
        #expect(try bench.call(altering).responses.map(\.errorCode) == [0])
        #expect(try standing(bench).state == .mirroring)

        for offset in Offset(0)..<3 { try bench.mirror(placed(["a"], at: offset), to: "t", end: offset) }
        try bench.advance(milliseconds: 3_600_000)
        #expect(try bench.values(in: "t") == ["a", "a", "a"])
        try bench.setStanding(of: "t", .ordinary)
        try bench.advance(milliseconds: 3_600_000)
        #expect(
            try bench.call(bench.fetchRequest("t", from: 0, maxWait: 0)).responses.first?.partitions.first?.errorCode
                == ErrorCode.offsetOutOfRange.rawValue)
    }
}
