import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import Testing

@Suite("Logs of topics that went while the broker was away")
struct StrayLogTests {
    private let t0 = TopicPartition(topic: "t", partition: 0)

    private func names(_ bench: BrokerBench) throws -> [String] {
        try bench.disk.list("/data").filter { $0.hasPrefix("t-") }
    }

    @Test("A topic that is written down as deleted leaves nothing")
    func deleted() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        let id = try #require(bench.image.topics["t"]?.id)
        try bench.restart { image in
            image.setTopic("t", nil)
            image.deletedTopics = [id: 0]
        }
        #expect(try !names(bench).contains("t-0"))
    }

    @Test("A mirror topic that was deleted and made anew with its source's id keeps its log")
    func deletedAndMirroredAnew() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a"]), to: "t")
        let id = try #require(bench.image.topics["t"]?.id)
        try bench.restart { $0.deletedTopics = [id: 0] }
        #expect(bench.kernel.partitions[t0]?.log.logEndOffset == 1)
    }

    @Test("Who was away while a mirror topic was deleted and made anew has none of the old one's records")
    func madeAnewInTheMeantime() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["old"]), to: "t")
        try bench.restart { image in
            image.updateTopic("t") { topic in
                topic.configs = ["mirror.cuts": "0:0@1"]
                topic.partitions[0].leaderEpoch = 1
            }
        }
        #expect(bench.kernel.partitions[t0]?.log.logEndOffset == 0)
    }

    @Test("A topic that is only absent keeps its log: the tree may be an old one")
    func absent() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.restart { $0.setTopic("t", nil) }
        #expect(try names(bench) == ["t-0"])
    }

    @Test("Another topic of the name gets nothing of the old one's records")
    func madeAgain() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["old"]), to: "t")
        try bench.restart { image in
            image.updateTopic("t") { $0.id = KafkaUUID(high: 7, low: 7) }
        }
        #expect(bench.kernel.partitions[t0]?.log.logEndOffset == 0)
    }

    @Test("A replica that moved away leaves its log")
    func moved() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.restart { image in
            image.updateTopic("t") { topic in
                topic.partitions[0].replicas = [BrokerID(2)]
                topic.partitions[0].leader = BrokerID(2)
            }
        }
        #expect(try !names(bench).contains("t-0"))
    }
}
