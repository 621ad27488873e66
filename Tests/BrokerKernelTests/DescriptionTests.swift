import BrokerKernel
import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import Testing

@Suite("What clients ask about the cluster")
struct DescriptionTests {
    private func described(
        _ bench: BrokerBench, type: Int8, _ name: String, keys: [String]? = nil, synonyms: Bool = true
    ) throws -> DescribeConfigsResponse.DescribeConfigsResult {
        var resource = DescribeConfigsRequest.DescribeConfigsResource()
        resource.resourceType = type
        resource.resourceName = name
        resource.configurationKeys = keys
        var request = DescribeConfigsRequest()
        request.resources = [resource]
        request.includeSynonyms = synonyms
        return try #require(try bench.call(request).results.first)
    }

    @Test("A topic's settings say where they come from: the topic, the broker's configuration or nowhere")
    func topicConfigs() throws {
        let bench = try BrokerBench { $0.configured = ["log.retention.ms": "5000"] }
        try bench.createTopic("t", configs: ["retention.ms": "1000"])
        try bench.createTopic("u")
        let own = try #require(try described(bench, type: 2, "t", keys: ["retention.ms"]).configs.first)
        #expect(own.value == "1000" && own.configSource == 1)
        #expect(own.synonyms.map(\.source) == [1, 4, 5])
        #expect(own.synonyms.map(\.value) == ["1000", "5000", "604800000"])
        let brokers = try #require(try described(bench, type: 2, "u", keys: ["retention.ms"]).configs.first)
        #expect(brokers.value == "5000" && brokers.configSource == 4)
        let unset = try #require(try described(bench, type: 2, "u", keys: ["max.message.bytes"]).configs.first)
        #expect(unset.value == "1048588" && unset.configSource == 5)
        let all = try described(bench, type: 2, "u", synonyms: false).configs
        #expect(all.count > 20 && all.allSatisfy { $0.synonyms.isEmpty })
    }

    @Test("A broker tells its settings and no secrets, and nothing of other brokers")
    func brokerConfigs() throws {
        let bench = try BrokerBench {
            $0.brokerConfigs = [
                BrokerConfig(name: "num.partitions", value: "1", isSet: false, isSensitive: false, wireType: 3),
                BrokerConfig(name: "ssl.key.password", value: "secret", isSet: true, isSensitive: true, wireType: 9),
            ]
        }
        let told = try described(bench, type: 4, "1").configs
        #expect(told.map(\.name) == ["num.partitions", "ssl.key.password"])
        #expect(told.map(\.value) == ["1", nil])
        #expect(told.map(\.isSensitive) == [false, true])
        #expect(ErrorCode.of(try described(bench, type: 4, "2").errorCode) == .invalidRequest)
        #expect(ErrorCode.of(try described(bench, type: 2, "absent").errorCode) == .unknownTopicOrPartition)
        #expect(ErrorCode.of(try described(bench, type: 2, "a/b").errorCode) == .invalidTopicException)
        #expect(ErrorCode.of(try described(bench, type: 77, "t").errorCode) == .invalidRequest)
    }

    @Test("The cluster is described as the tree shows it")
    func cluster() throws {
        let told = try BrokerBench().call(DescribeClusterRequest())
        #expect(told.clusterId == BrokerBench.clusterID && told.controllerId == 1)
        #expect(told.brokers.map(\.brokerId) == [1] && told.brokers.map(\.port) == [9092])
    }

    @Test("A topic is told by its id, also when there is an empty name beside it, as Apache's client writes")
    func metadataByID() throws {
        let bench = try BrokerBench()
        let id = try bench.createTopic("t").topicId
        var wanted = MetadataRequest.MetadataRequestTopic()
        wanted.topicId = id
        wanted.name = ""
        var unknown = wanted
        unknown.topicId = KafkaUUID(high: 5, low: 5)
        var request = MetadataRequest()
        request.topics = [wanted, unknown]
        let told = try bench.call(request).topics
        #expect(told.map { ErrorCode.of($0.errorCode) } == [.none, .unknownTopicId])
        #expect(told.map(\.name) == ["t", nil] && told.map(\.topicId) == [id, unknown.topicId])
    }

    @Test(
        "Who asks for a topic that is not there brings it about, if he and the broker will", arguments: [true, false])
    func automaticCreation(isAllowed: Bool) throws {
        let bench = try BrokerBench { $0.createsTopicsAutomatically = isAllowed }
        var wanted = MetadataRequest.MetadataRequestTopic()
        wanted.name = "t"
        var request = MetadataRequest()
        request.topics = [wanted]
        request.allowAutoTopicCreation = false
        #expect(try bench.call(request).topics.map { ErrorCode.of($0.errorCode) } == [.unknownTopicOrPartition])
        #expect(bench.image.topics.isEmpty)
        request.allowAutoTopicCreation = true
        _ = try bench.call(request)
        let told = try #require(try bench.call(request).topics.first)
        #expect(ErrorCode.of(told.errorCode) == (isAllowed ? .none : .unknownTopicOrPartition))
        #expect(told.partitions.map(\.leaderId) == (isAllowed ? [1] : []))
        #expect(bench.image.topics.isEmpty != isAllowed)
    }
}
