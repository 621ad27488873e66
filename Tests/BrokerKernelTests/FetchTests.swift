import ClusterModel
import KafkaProtocol
import NIOCore
import Seams
import Testing

@Suite("Fetching")
struct FetchTests {
    @Test("A fetch at the end waits for records, and is answered when they come")
    func longPolling() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        let fetch = try bench.send(bench.fetchRequest("t", from: 0, maxWait: 500))
        #expect(try bench.reply(to: fetch) == nil)
        try bench.produce(batch(["a"]), to: "t")
        let part = try #require(try bench.reply(to: fetch)?.responses.first?.partitions.first)
        #expect(try part.values() == ["a"])
        #expect(part.highWatermark == 1)
    }

    @Test("A fetch that waits for many bytes gives what there is when its time is up")
    func minimumBytes() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a"]), to: "t")
        let fetch = try bench.send(bench.fetchRequest("t", from: 0, minBytes: 10_000, maxWait: 500))
        try bench.produce(batch(["b"]), to: "t")
        #expect(try bench.reply(to: fetch) == nil)
        #expect(bench.kernel.nextDeadline <= bench.now + .milliseconds(500))
        try bench.advance(milliseconds: 499)
        #expect(try bench.reply(to: fetch) == nil)
        try bench.advance(milliseconds: 1)
        #expect(try bench.reply(to: fetch)?.responses.first?.partitions.first?.values() == ["a", "b"])
    }

    @Test("The first batch is given whole however small the limit, and the limit holds for all others")
    func maximumBytes() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: 2)
        let large = String(repeating: "x", count: 1000)
        for partition in 0...1 { try bench.produce(batch([large]), to: "t", Int32(partition)) }
        try bench.produce(batch([large]), to: "t", 0)
        var request = bench.fetchRequest("t", 0, from: 0, maxBytes: 10)
        var other = request.topics[0].partitions[0]
        other.partition = 1
        request.topics[0].partitions.append(other)
        let told = try bench.call(request).responses.flatMap(\.partitions)
        #expect(try told.map { try $0.values().count } == [1, 0])
        #expect(told.allSatisfy { $0.errorCode == 0 })
    }

    @Test("Positions outside the log, wrong epochs and strange partitions are refused at once")
    func refusals() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a"]), to: "t")
        func error(_ request: FetchRequest, version: Int16? = nil) throws -> ErrorCode {
            let response = try bench.call(request, version: version)
            return .of(try #require(response.responses.first?.partitions.first).errorCode)
        }
        #expect(try error(bench.fetchRequest("t", from: 2)) == .offsetOutOfRange)
        #expect(try error(bench.fetchRequest("t", from: -1)) == .offsetOutOfRange)
        #expect(try error(bench.fetchRequest("t", 7, from: 0)) == .unknownTopicOrPartition)
        #expect(try error(bench.fetchRequest("absent", from: 0), version: 12) == .unknownTopicOrPartition)
        var unknownID = bench.fetchRequest("t", from: 0)
        unknownID.topics[0].topicId = KafkaUUID(high: 5, low: 5)
        #expect(try error(unknownID) == .unknownTopicId)
        var future = bench.fetchRequest("t", from: 0)
        future.topics[0].partitions[0].currentLeaderEpoch = 1
        #expect(try error(future) == .unknownLeaderEpoch)
    }

    @Test("A session remembers partitions and tells only news", arguments: [Int16(12), 16])
    func sessions(version: Int16) throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: 2)
        try bench.produce(batch(["a"]), to: "t")
        var first = bench.fetchRequest("t", from: 0, maxWait: 0)
        first.topics[0].partitions.append(first.topics[0].partitions[0])
        first.topics[0].partitions[1].partition = 1
        first.sessionEpoch = 0
        let opened = try bench.call(first, version: version)
        #expect(opened.sessionId != 0)
        #expect(opened.responses.flatMap(\.partitions).count == 2)

        var next = bench.fetchRequest("t", from: 1, maxWait: 0)
        next.sessionId = opened.sessionId
        next.sessionEpoch = 1
        #expect(try bench.call(next, version: version).responses.isEmpty)
        try bench.produce(batch(["b"]), to: "t", 1)
        next.topics = []
        next.sessionEpoch = 2
        let news = try bench.call(next, version: version).responses.flatMap(\.partitions)
        #expect(news.map(\.partitionIndex) == [1])
        #expect(try news.first?.values() == ["b"])

        #expect(ErrorCode.of(try bench.call(next, version: version).errorCode) == .invalidFetchSessionEpoch)
        next.sessionId += 1
        #expect(ErrorCode.of(try bench.call(next, version: version).errorCode) == .fetchSessionIdNotFound)
    }

    @Test("A session that names topics by their ids goes on when the broker hears of a topic late, or of its end early")
    func sessionsAndUnknownTopics() throws {
        let same = try BrokerBench()
        try same.createTopic("t")
        let id = try #require(same.image.topics["t"]?.id)

        let bench = try BrokerBench()
        var first = bench.fetchRequest("t", from: 0, maxWait: 0)
        first.topics[0].topicId = id
        first.sessionEpoch = 0
        let opened = try bench.call(first)
        func error(_ response: FetchResponse) -> ErrorCode? {
            response.responses.first?.partitions.first.map { .of($0.errorCode) }
        }
        #expect(error(opened) == .unknownTopicId)
        try bench.createTopic("t")
        try #require(bench.image.topics["t"]?.id == id)
        try bench.produce(batch(["a"]), to: "t")
        var next = first
        next.sessionId = opened.sessionId
        next.sessionEpoch = 1
        let told = try bench.call(next).responses
        #expect(told.count == 1)
        #expect(try told.first?.partitions.first?.values() == ["a"])

        #expect(try bench.deleteTopic("t") == .none)
        next.topics = []
        next.sessionEpoch = 2
        #expect(try error(bench.call(next)) != ErrorCode.none)
        var forgotten = FetchRequest.ForgottenTopic()
        forgotten.topicId = id
        forgotten.partitions = [0]
        next.forgottenTopicsData = [forgotten]
        next.sessionEpoch = 3
        #expect(try bench.call(next).responses.isEmpty)
    }

    @Test("A session of before a restart is not taken for one that was opened after it")
    func sessionsAndRestart() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        var first = bench.fetchRequest("t", from: 0, maxWait: 0)
        first.sessionEpoch = 0
        var old = bench.fetchRequest("t", from: 0, maxWait: 0)
        old.sessionId = try bench.call(first).sessionId
        old.sessionEpoch = 1
        try bench.restart()
        #expect(try bench.call(first).sessionId != old.sessionId)
        #expect(ErrorCode.of(try bench.call(old).errorCode) == .fetchSessionIdNotFound)
    }

    @Test("A fetch that waits hears at once that its topic is gone")
    func deletedMeanwhile() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        let fetch = try bench.send(bench.fetchRequest("t", from: 0, maxWait: 60_000))
        #expect(try bench.deleteTopic("t") == .none)
        let part = try #require(try bench.reply(to: fetch)?.responses.first?.partitions.first)
        #expect(part.errorCode != 0)
    }

    @Test("Who does not know zstd gets nothing of a topic that is compressed so", arguments: ["zstd", "gzip"])
    func oldReaders(codec: String) throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", configs: ["compression.type": codec])
        try bench.produce(batch(["a"]), to: "t")
        for (version, isZstdKnown) in [(Int16(9), false), (10, true)] {
            let told = try bench.call(bench.fetchRequest("t", from: 0), version: version)
            let part = try #require(told.responses.first?.partitions.first)
            let isRefused = codec == "zstd" && !isZstdKnown
            #expect(ErrorCode.of(part.errorCode) == (isRefused ? .unsupportedCompressionType : .none))
            #expect(try part.values().isEmpty == isRefused)
        }
    }

    @Test("Offsets are found by place and by time")
    func listOffsets() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a", "b"], from: 1_000), to: "t")
        try bench.produce(batch(["c"], from: 9_000), to: "t")
        try bench.produce(batch(["d"], from: 5_000), to: "t")
        func offset(_ timestamp: Int64, of topic: String = "t") throws -> (ErrorCode, Int64, Int64) {
            var part = ListOffsetsRequest.ListOffsetsPartition()
            part.timestamp = timestamp
            var wanted = ListOffsetsRequest.ListOffsetsTopic()
            wanted.name = topic
            wanted.partitions = [part]
            var request = ListOffsetsRequest()
            request.replicaId = -1
            request.topics = [wanted]
            let told = try #require(try bench.call(request).topics.first?.partitions.first)
            return (.of(told.errorCode), told.offset, told.timestamp)
        }
        #expect(try offset(-1) == (.none, 4, -1))
        #expect(try offset(-2) == (.none, 0, -1))
        #expect(try offset(-3) == (.none, 2, 9_000))
        #expect(try offset(0) == (.none, 0, 1_000))
        #expect(try offset(1_001) == (.none, 1, 1_001))
        #expect(try offset(1_002) == (.none, 2, 9_000))
        #expect(try offset(9_001) == (.none, -1, -1))
        #expect(try offset(-77).0 == .unsupportedVersion)
        #expect(try offset(-1, of: "absent").0 == .unknownTopicOrPartition)
    }
}
