import ClusterModel
import Controller
import KafkaProtocol
import Seams
import Simulation
import Testing

@testable import BrokerKernel

@Suite("Fetch sessions of many partitions")
struct FetchSessionTests {
    @Test("Of a thousand partitions only those are looked at to which something has happened")
    func work() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: 1000)
        let id = try bench.openSession("t", partitions: 1000)
        #expect(bench.unsettled(id).isEmpty)

        let fetch = try bench.send(bench.sessionRequest("t", id, epoch: 1, maxWait: 500))
        #expect(bench.unsettled(id).isEmpty)
        try bench.produce(batch(["a"]), to: "t", 7)
        let told = try #require(try bench.reply(to: fetch)).responses.flatMap(\.partitions)
        #expect(told.map(\.partitionIndex) == [7])
        #expect(try told.first?.values() == ["a"])
        // Until the client has moved on, the records are told again.
        #expect(bench.unsettled(id) == [7])

        var next = bench.sessionRequest("t", id, epoch: 2)
        next.topics = bench.fetchRequest("t", 7, from: 1).topics
        #expect(try bench.call(next).responses.isEmpty)
        #expect(bench.unsettled(id).isEmpty)
    }

    @Test("A fetch in a session hears of what happens to a quiet partition")
    func stirring() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: 3)
        try bench.createTopic("u")
        let id = try bench.openSession("t", partitions: 3)
        var knowing = bench.sessionRequest("t", id, epoch: 1, maxWait: 60_000)
        knowing.topics = bench.fetchRequest("t", 1, from: 0).topics
        knowing.topics[0].partitions[0].currentLeaderEpoch = 0
        let deposed = try bench.send(knowing)
        try bench.changeImage { image in
            image.updateTopic("t") { topic in
                topic.partitions[1].leader = nil
                topic.partitions[1].leaderEpoch += 1
            }
        }
        let told = try #require(try bench.reply(to: deposed)).responses.flatMap(\.partitions)
        #expect(told.map(\.partitionIndex) == [1])
        #expect(told.map { ErrorCode.of($0.errorCode) } == [.fencedLeaderEpoch])

        let other = try bench.openSession("u", partitions: 1)
        let deleted = try bench.send(bench.sessionRequest("u", other, epoch: 1, maxWait: 60_000))
        #expect(try bench.deleteTopic("u") == .none)
        #expect(try bench.reply(to: deleted)?.responses.flatMap(\.partitions).map(\.partitionIndex) == [0])
    }

    @Test("A session that ends or loses its slot leaves nothing behind at the partitions it had")
    func endings() throws {
        let bench = try BrokerBench { $0.fetchSessionSlots = 1 }
        try bench.createTopic("t", partitions: 3)
        func sessions() -> [Set<Int32>] {
            (0..<3).map { bench.kernel.partitions[TopicPartition(topic: "t", partition: $0)]?.quietSessions ?? [] }
        }
        let small = try bench.openSession("t", partitions: 2)
        #expect(sessions() == [[small], [small], []])
        let waiting = try bench.send(bench.sessionRequest("t", small, epoch: 1, maxWait: 60_000))
        let large = try bench.openSession("t", partitions: 3)
        #expect(sessions() == [[large], [large], [large]])

        var forgetting = bench.sessionRequest("t", large, epoch: 1)
        var forgotten = FetchRequest.ForgottenTopic()
        forgotten.topic = "t"
        forgotten.topicId = try #require(bench.image.topics["t"]?.id)
        forgotten.partitions = [1]
        forgetting.forgottenTopicsData = [forgotten]
        _ = try bench.call(forgetting)
        #expect(sessions() == [[large], [], [large]])
        _ = try bench.call(bench.sessionRequest("t", large, epoch: -1))
        #expect(sessions() == [[], [], []])

        try bench.advance(milliseconds: 60_000)
        #expect(try bench.reply(to: waiting).map { ErrorCode.of($0.errorCode) } == .fetchSessionIdNotFound)
    }

    @Test("A follower that has read a newer tree than its leader is not refused, and is heard once the leader has")
    func followersAhead() throws {
        let bench = try BrokerBench()
        let (own, other, new) = (BrokerBench.brokerID, BrokerID(2), KafkaUUID(high: 7, low: 7))
        func replicated(leader: BrokerID, epoch: LeaderEpoch) -> TopicImage {
            var partition = PartitionImage(replicas: [own, other])
            partition.setState(
                PartitionState(leader: leader, leaderEpoch: epoch, isr: [own, other], controllerEpoch: 1),
                version: epoch)
            return TopicImage(id: KafkaUUID(high: 5, low: 5), partitions: [partition])
        }
        try bench.changeImage { $0.setTopic("moved", replicated(leader: other, epoch: 0)) }
        var request = bench.fetchRequest("moved", from: 0, maxWait: 60_000)
        request.replicaState.replicaId = other.value
        request.topics[0].partitions[0].currentLeaderEpoch = 1
        var created = request.topics[0]
        created.topicId = new
        created.partitions[0].currentLeaderEpoch = 0
        request.topics.append(created)
        request.sessionEpoch = 0
        let fetch = try bench.send(request)
        #expect(try bench.reply(to: fetch) == nil)

        try bench.changeImage { image in
            image.setTopic("moved", replicated(leader: own, epoch: 1))
            var topic = replicated(leader: own, epoch: 0)
            topic.id = new
            image.setTopic("created", topic)
        }
        for name in ["moved", "created"] {
            let partition = bench.kernel.partitions[TopicPartition(topic: name, partition: 0)]
            #expect(partition?.leadership?.progress(of: other)?.position == 0)
        }
        #expect(try bench.reply(to: fetch) == nil)
        try bench.produce(batch(["a"]), to: "created", acks: 1)
        let told = try #require(try bench.reply(to: fetch)).responses
        #expect(told.map(\.topicId) == [KafkaUUID(high: 5, low: 5), new])
        #expect(told.flatMap(\.partitions).allSatisfy { $0.errorCode == 0 })
        #expect(try told.last?.partitions.first?.values() == ["a"])
    }

    @Test(
        "What a follower asks for that its leader never reads of is left out, and costs no further look at the others")
    func followersAheadForLong() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: 3)
        var request = bench.everything(of: "t", [0, 1, 2], from: [0, 0, 0])
        request.replicaState.replicaId = 2
        request.topics[0].partitions[1].currentLeaderEpoch = 1
        request.sessionEpoch = 0
        let opened = try bench.call(request)
        #expect(opened.responses.flatMap(\.partitions).map(\.partitionIndex) == [0, 2])
        #expect(bench.unsettled(opened.sessionId) == [1])
        var next = bench.sessionRequest("t", opened.sessionId, epoch: 1)
        next.replicaState.replicaId = 2
        #expect(try bench.call(next).responses.isEmpty)
    }

    @Test("Fetches that were answered early want no tick any more, and others keep theirs however often they are tried")
    func deadlines() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        let patient = try bench.send(bench.fetchRequest("t", from: 0, minBytes: 1 << 20, maxWait: 10_000))
        let due: Instant = bench.now + .seconds(10)
        for round in 0..<200 {
            let hasty = try bench.send(bench.fetchRequest("t", from: Int64(round), maxWait: 500), connection: 2)
            try bench.produce(batch(["a"]), to: "t")
            #expect(try bench.reply(to: hasty) != nil)
            #expect(bench.kernel.parkedFetches.nextDeadline == due)
        }
        try bench.advance(milliseconds: 10_000)
        #expect(try bench.reply(to: patient)?.responses.first?.partitions.first?.values().count == 200)
        #expect(bench.kernel.parkedFetches.nextDeadline == .never)
    }

    /// What a client knows of a partition.
    private struct Knowledge: Equatable {
        var error: Int16
        var highWatermark: Offset
        var logStart: Offset
        var records: Int

        init(_ told: FetchResponse.PartitionData) throws {
            error = told.errorCode
            highWatermark = told.highWatermark
            logStart = told.logStartOffset
            records = error == 0 ? try told.values().count : 0
        }
    }

    @Test("A session's client knows at any time what one that asks for everything is told", arguments: UInt64(1)...20)
    func twin(seed: UInt64) throws {
        let partitions: Int32 = 6
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: partitions)
        var random = SeededRandom(seed: seed)
        var positions = Array(repeating: Offset(0), count: Int(partitions))
        var known: [Int32: Knowledge] = [:]
        var leaderEpochs = positions.map { _ in LeaderEpoch(0) }
        let id = try bench.openSession("t", partitions: partitions) { told in
            for part in told { known[part.partitionIndex] = try Knowledge(part) }
        }
        var moved: Set<Int32> = []
        for round in 1...200 {
            let partition = Int32.random(in: 0..<partitions, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0...2: try bench.produce(batch(["a"]), to: "t", partition)
            case 3: _ = try bench.deleteRecords(before: -1, in: "t", partition)
            case 4:
                leaderEpochs[Int(partition)] += 1
                let hasLeader = Bool.random(using: &random)
                try bench.changeImage { image in
                    image.updateTopic("t") { topic in
                        topic.partitions[Int(partition)].leader = hasLeader ? BrokerBench.brokerID : nil
                        topic.partitions[Int(partition)].leaderEpoch = leaderEpochs[Int(partition)]
                    }
                }
            case 5...6:
                // The client has taken what it was told, or is asked to go to where the log begins now.
                let knowledge = try #require(known[partition])
                positions[Int(partition)] = max(
                    positions[Int(partition)] + Offset(knowledge.records), knowledge.logStart)
                known[partition]?.records = 0
                moved.insert(partition)
            default: break
            }
            var request = bench.sessionRequest("t", id, epoch: Int32(round))
            request.topics = bench.everything(of: "t", moved.sorted(), from: positions).topics
            moved = []
            for part in try bench.call(request).responses.flatMap(\.partitions) {
                known[part.partitionIndex] = try Knowledge(part)
            }
            let everything = bench.everything(of: "t", Array(0..<partitions), from: positions)
            for part in try bench.call(everything).responses.flatMap(\.partitions) {
                let knowledge = try #require(known[part.partitionIndex])
                let truth = try Knowledge(part)
                // Records that were told are not told again once the client has moved behind them.
                if truth.records > 0 || truth.error != 0 { #expect(knowledge == truth) }
                #expect(knowledge.error == truth.error)
                #expect(knowledge.error != 0 || knowledge.highWatermark == truth.highWatermark)
                #expect(knowledge.logStart == truth.logStart)
            }
        }
    }
}

extension BrokerBench {
    /// Opens a session of a topic's first partitions, all from their beginning.
    fileprivate func openSession(
        _ topic: String, partitions: Int32, _ take: ([FetchResponse.PartitionData]) throws -> Void = { _ in }
    ) throws -> Int32 {
        var request = everything(
            of: topic, Array(0..<partitions), from: Array(repeating: 0, count: Int(partitions)))
        request.sessionEpoch = 0
        let response = try call(request)
        #expect(response.sessionId != 0)
        #expect(response.responses.flatMap(\.partitions).count == Int(partitions))
        try take(response.responses.flatMap(\.partitions))
        return response.sessionId
    }

    /// A fetch in no session; no topic where there are no partitions.
    fileprivate func everything(of topic: String, _ partitions: [Int32], from positions: [Offset]) -> FetchRequest {
        var request = fetchRequest(topic, from: 0, maxWait: 0)
        let parts = partitions.map { partition in
            var part = request.topics[0].partitions[0]
            part.partition = partition
            part.fetchOffset = positions[Int(partition)]
            return part
        }
        request.topics[0].partitions = parts
        if parts.isEmpty { request.topics = [] }
        return request
    }

    fileprivate func sessionRequest(_ topic: String, _ id: Int32, epoch: Int32, maxWait: Int32 = 0) -> FetchRequest {
        var request = fetchRequest(topic, from: 0, maxWait: maxWait)
        request.topics = []
        request.sessionId = id
        request.sessionEpoch = epoch
        return request
    }

    /// The partitions of a session that the next fetch in it looks at.
    fileprivate func unsettled(_ session: Int32) -> [Int32] {
        kernel.fetchSessions[session]?.unsettled.map(\.key.partition) ?? []
    }
}
