import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import Testing

@Suite("Older and rarer ways to ask about topics")
struct TopicRequestTests {
    @Test("The old alteration replaces all settings of a topic")
    func replacement() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", configs: ["retention.ms": "1000", "max.message.bytes": "300"])
        #expect(try bench.alter("t", ["max.message.bytes": "400"]) == .none)
        #expect(bench.image.topics["t"]?.configs == ["max.message.bytes": "400"])
        #expect(try bench.alter("t", [:]) == .none)
        #expect(bench.image.topics["t"]?.configs == [:])
    }

    @Test("The old alteration of what may not be altered, or only a validation, changes nothing")
    func alterationRefusals() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", configs: ["retention.ms": "1000"])
        #expect(try bench.alter("t", ["no.such.key": "1"]) == .invalidConfig)
        #expect(try bench.alter("t", ["retention.ms": "soon"]) == .invalidConfig)
        #expect(try bench.alter("t", ["retention.ms": nil]) == .invalidRequest)
        #expect(try bench.alter("absent", ["retention.ms": "1"]) == .unknownTopicOrPartition)
        #expect(try bench.alter("1", ["zookeeper.connect": "x"], resource: 4) == .invalidRequest)
        #expect(try bench.alter("t", ["retention.ms": "1"], validateOnly: true) == .none)
        #expect(bench.image.topics["t"]?.configs == ["retention.ms": "1000"])
    }

    @Test("A topic is deleted by its id, and the answer tells its name")
    func deletionByID() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.createTopic("kept")
        let id = try #require(bench.image.topics["t"]?.id)
        let told = try bench.delete(id)
        #expect(ErrorCode.of(told.errorCode) == .none)
        #expect(told.name == "t" && told.topicId == id)
        #expect(Array(bench.image.topics.keys) == ["kept"])
        let again = try bench.delete(id)
        #expect(ErrorCode.of(again.errorCode) == .unknownTopicId)
        #expect(again.name == nil && again.topicId == id)
    }

    @Test("The answer to a deletion by name tells the id")
    func idOfDeleted() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        let id = try #require(bench.image.topics["t"]?.id)
        var topic = DeleteTopicsRequest.DeleteTopicState()
        topic.name = "t"
        var request = DeleteTopicsRequest()
        request.topics = [topic]
        request.timeoutMs = 1000
        let told = try #require(try bench.call(request).responses.first)
        #expect(ErrorCode.of(told.errorCode) == .none)
        #expect(told.name == "t" && told.topicId == id)
    }

    @Test("Clients older than ids delete by name")
    func deletionByName() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        var request = DeleteTopicsRequest()
        request.topicNames = ["t", "absent"]
        request.timeoutMs = 1000
        let told = try bench.call(request, version: 5).responses
        #expect(told.map { ErrorCode.of($0.errorCode) } == [.none, .unknownTopicOrPartition])
        #expect(told.map(\.name) == ["t", "absent"])
        #expect(bench.image.topics.isEmpty)
    }

    @Test("A client may say where each partition goes, in any order")
    func assignment() throws {
        let bench = try BrokerBench()
        let told = try bench.create(assigned: [1: [1], 0: [1]])
        #expect(ErrorCode.of(told.errorCode) == .none)
        #expect(told.numPartitions == 2 && told.replicationFactor == 1)
        #expect(
            bench.image.topics["t"]?.partitions.map(\.replicas) == [[BrokerBench.brokerID], [BrokerBench.brokerID]])
        #expect(ErrorCode.of(try bench.produce(batch(["a"]), to: "t", 1).errorCode) == .none)
    }

    @Test("Assignments that cannot be are refused, and nothing is made")
    func assignmentRefusals() throws {
        let bench = try BrokerBench()
        func error(_ assignment: [Int32: [Int32]], partitions: Int32 = -1) throws -> ErrorCode {
            .of(try bench.create(assigned: assignment, partitions: partitions).errorCode)
        }
        #expect(try error([0: [1], 2: [1]]) == .invalidReplicaAssignment)
        #expect(try error([-1: [1], 0: [1]]) == .invalidReplicaAssignment)
        #expect(try error([0: []]) == .invalidReplicaAssignment)
        #expect(try error([0: [1, 1]]) == .invalidReplicaAssignment)
        #expect(try error([0: [2]]) == .invalidReplicaAssignment)
        #expect(try error([0: [1]], partitions: 1) == .invalidRequest)
        #expect(bench.image.topics.isEmpty)
    }
}

extension BrokerBench {
    fileprivate func alter(
        _ name: String, _ configs: [String: String?], resource: Int8 = 2, validateOnly: Bool = false
    ) throws -> ErrorCode {
        var wanted = AlterConfigsRequest.AlterConfigsResource()
        wanted.resourceType = resource
        wanted.resourceName = name
        wanted.configs = configs.map { key, value in
            var config = AlterConfigsRequest.AlterableConfig()
            config.name = key
            config.value = value
            return config
        }
        var request = AlterConfigsRequest()
        request.resources = [wanted]
        request.validateOnly = validateOnly
        return .of(try #require(try call(request).responses.first).errorCode)
    }

    fileprivate func delete(_ id: KafkaUUID) throws -> DeleteTopicsResponse.DeletableTopicResult {
        var topic = DeleteTopicsRequest.DeleteTopicState()
        topic.topicId = id
        var request = DeleteTopicsRequest()
        request.topics = [topic]
        request.timeoutMs = 1000
        return try #require(try call(request).responses.first)
    }

    fileprivate func create(
        assigned assignment: [Int32: [Int32]], partitions: Int32 = -1
    ) throws -> CreateTopicsResponse.CreatableTopicResult {
        var topic = CreateTopicsRequest.CreatableTopic()
        topic.name = "t"
        topic.numPartitions = partitions
        topic.replicationFactor = -1
        topic.assignments = assignment.sorted { $0.key > $1.key }.map { partition, replicas in
            var assigned = CreateTopicsRequest.CreatableReplicaAssignment()
            assigned.partitionIndex = partition
            assigned.brokerIds = replicas
            return assigned
        }
        var request = CreateTopicsRequest()
        request.topics = [topic]
        request.timeoutMs = 1000
        return try #require(try call(request).topics.first)
    }
}
