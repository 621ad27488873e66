import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import Testing

@Suite("Topics")
struct TopicTests {
    @Test("A topic is made as asked, and the answer says how")
    func create() throws {
        let bench = try BrokerBench()
        let told = try bench.createTopic("t", partitions: 3, configs: ["retention.ms": "1000"])
        #expect(ErrorCode.of(told.errorCode) == .none)
        #expect(told.numPartitions == 3 && told.replicationFactor == 1)
        #expect(told.topicId == bench.image.topics["t"]?.id && told.topicId != .zero)
        let retention = try #require(told.configs?.first { $0.name == "retention.ms" })
        #expect(retention.value == "1000" && retention.configSource == 1)
        #expect(bench.kernel.partitions.count == 3)
    }

    @Test("Topics that cannot be are refused, and nothing is made")
    func refusals() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t.a")
        func error(_ name: String, partitions: Int32 = 1, _ configs: [String: String] = [:]) throws -> ErrorCode {
            .of(try bench.createTopic(name, partitions: partitions, configs: configs).errorCode)
        }
        #expect(try error("t.a") == .topicAlreadyExists)
        #expect(try error("t_a") == .invalidTopicException)
        #expect(try error("") == .invalidTopicException)
        #expect(try error("..") == .invalidTopicException)
        #expect(try error("a/b") == .invalidTopicException)
        #expect(try error(String(repeating: "x", count: 250)) == .invalidTopicException)
        #expect(try error("u", partitions: 0) == .invalidPartitions)
        #expect(try error("u", partitions: .max) == .policyViolation)
        #expect(try error("u", ["no.such.key": "1"]) == .invalidConfig)
        #expect(try error("u", ["retention.ms": "soon"]) == .invalidConfig)
        #expect(Array(bench.image.topics.keys) == ["t.a"])
        var twice = CreateTopicsRequest()
        var topic = CreateTopicsRequest.CreatableTopic()
        topic.name = "u"
        topic.numPartitions = 1
        topic.replicationFactor = 1
        twice.topics = [topic, topic]
        #expect(try bench.call(twice).topics.allSatisfy { ErrorCode.of($0.errorCode) == .invalidRequest })
        topic.replicationFactor = 2
        twice.topics = [topic]
        let factor = try #require(try bench.call(twice).topics.first)
        #expect(ErrorCode.of(factor.errorCode) == .invalidReplicationFactor)
    }

    @Test("A validation makes nothing")
    func validation() throws {
        let bench = try BrokerBench()
        let told = try bench.createTopic("t", validateOnly: true)
        #expect(ErrorCode.of(told.errorCode) == .none)
        #expect(bench.image.topics.isEmpty)
    }

    @Test("A topic made again under its name has none of the old records")
    func recreate() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["old"]), to: "t")
        let oldID = bench.image.topics["t"]?.id
        #expect(try bench.deleteTopic("t") == .none)
        #expect(bench.kernel.partitions.isEmpty)
        #expect(try bench.deleteTopic("t") == .unknownTopicOrPartition)
        try bench.createTopic("t")
        #expect(bench.image.topics["t"]?.id != oldID)
        #expect(try bench.produce(batch(["new"]), to: "t").baseOffset == 0)
        try bench.restart()
        #expect(try bench.values(in: "t") == ["new"])
    }

    @Test("Deletion may be switched off")
    func deletionDisabled() throws {
        let bench = try BrokerBench { $0.mayDeleteTopics = false }
        try bench.createTopic("t")
        #expect(try bench.deleteTopic("t") == .topicDeletionDisabled)
        #expect(bench.image.topics["t"] != nil)
    }

    @Test("A tree that does not answer times the request out")
    func treeAway() throws {
        let bench = try BrokerBench()
        bench.isTreeAvailable = false
        #expect(ErrorCode.of(try bench.createTopic("t").errorCode) == .requestTimedOut)
    }

    @Test("Partitions can be added, not taken away")
    func partitions() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: 2)
        func error(count: Int32, of name: String = "t") throws -> ErrorCode {
            var topic = CreatePartitionsRequest.CreatePartitionsTopic()
            topic.name = name
            topic.count = count
            topic.assignments = nil
            var request = CreatePartitionsRequest()
            request.topics = [topic]
            request.timeoutMs = 1000
            return .of(try #require(try bench.call(request).results.first).errorCode)
        }
        #expect(try error(count: 2) == .invalidPartitions)
        #expect(try error(count: 1) == .invalidPartitions)
        #expect(try error(count: 3, of: "absent") == .unknownTopicOrPartition)
        #expect(try error(count: .max) == .policyViolation)
        #expect(try error(count: 4) == .none)
        #expect(ErrorCode.of(try bench.produce(batch(["a"]), to: "t", 3).errorCode) == .none)
    }

    @Test("Settings are set, added to, taken from and deleted")
    func alterConfigs() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        func alter(_ operation: Int8, _ name: String, _ value: String?, resource: Int8 = 2) throws -> ErrorCode {
            var config = IncrementalAlterConfigsRequest.AlterableConfig()
            config.name = name
            config.configOperation = operation
            config.value = value
            var wanted = IncrementalAlterConfigsRequest.AlterConfigsResource()
            wanted.resourceType = resource
            wanted.resourceName = resource == 2 ? "t" : "1"
            wanted.configs = [config]
            var request = IncrementalAlterConfigsRequest()
            request.resources = [wanted]
            return .of(try #require(try bench.call(request).responses.first).errorCode)
        }
        #expect(try alter(0, "max.message.bytes", "300") == .none)
        #expect(
            ErrorCode.of(try bench.produce(batch([String(repeating: "x", count: 400)]), to: "t").errorCode)
                == .messageTooLarge)
        #expect(try alter(2, "cleanup.policy", "compact") == .none)
        #expect(bench.image.topics["t"]?.configs["cleanup.policy"] == "delete,compact")
        #expect(try alter(3, "cleanup.policy", "delete") == .none)
        #expect(bench.image.topics["t"]?.configs["cleanup.policy"] == "compact")
        #expect(try alter(1, "cleanup.policy", nil) == .none)
        #expect(bench.image.topics["t"]?.configs == ["max.message.bytes": "300"])
        #expect(try alter(2, "max.message.bytes", "1") == .invalidConfig)
        #expect(try alter(0, "max.message.bytes", nil) == .invalidRequest)
        #expect(try alter(0, "max.message.bytes", "-5") == .invalidConfig)
        #expect(try alter(9, "max.message.bytes", "5") == .invalidRequest)
        #expect(try alter(0, "broker.id", "5", resource: 4) == .invalidRequest)
        #expect(bench.image.topics["t"]?.configs == ["max.message.bytes": "300"])
    }
}
