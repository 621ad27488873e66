import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Testing

@Suite("Settings and quotas that change while brokers run")
struct DynamicConfigTests {
    private func alter(
        _ bench: BrokerBench, _ name: String, _ key: String, _ value: String?, operation: Int8 = 0
    ) throws -> IncrementalAlterConfigsResponse.AlterConfigsResourceResponse {
        var config = IncrementalAlterConfigsRequest.AlterableConfig()
        config.name = key
        config.value = value
        config.configOperation = operation
        var resource = IncrementalAlterConfigsRequest.AlterConfigsResource()
        resource.resourceType = 4
        resource.resourceName = name
        resource.configs = [config]
        var request = IncrementalAlterConfigsRequest()
        request.resources = [resource]
        return try #require(try bench.call(request).responses.first)
    }

    private func described(
        _ bench: BrokerBench, type: Int8, _ name: String, _ key: String
    ) throws -> DescribeConfigsResponse.DescribeConfigsResourceResult? {
        var resource = DescribeConfigsRequest.DescribeConfigsResource()
        resource.resourceType = type
        resource.resourceName = name
        resource.configurationKeys = [key]
        var request = DescribeConfigsRequest()
        request.resources = [resource]
        request.includeSynonyms = true
        return try bench.call(request).results.first?.configs.first
    }

    @Test("What is set for one broker counts more than for all, and that more than the file")
    func precedence() throws {
        let bench = try BrokerBench {
            $0.configured = ["log.retention.ms": "5000"]
            $0.brokerConfigs = [
                BrokerConfig(
                    name: "log.retention.ms", value: "5000", isSet: true, isSensitive: false, wireType: 5,
                    defaultValue: nil)
            ]
        }
        try bench.createTopic("t")
        let log = try #require(bench.kernel.partitions[TopicPartition(topic: "t", partition: 0)]?.log)
        #expect(log.settings.retentionInMilliseconds == 5000)
        #expect(try alter(bench, "", "log.retention.ms", "4000").errorCode == 0)
        #expect(log.settings.retentionInMilliseconds == 4000)
        #expect(try alter(bench, "1", "log.retention.ms", "3000").errorCode == 0)
        #expect(log.settings.retentionInMilliseconds == 3000)
        #expect(bench.image.brokerConfigs[BrokerBench.brokerID] == ["log.retention.ms": "3000"])

        let topic = try #require(try described(bench, type: 2, "t", "retention.ms"))
        #expect(topic.value == "3000" && topic.configSource == 2)
        #expect(topic.synonyms.map(\.source) == [2, 3, 4, 5])
        let broker = try #require(try described(bench, type: 4, "1", "log.retention.ms"))
        #expect(broker.value == "3000" && broker.configSource == 2 && !broker.readOnly)
        #expect(broker.synonyms.map(\.value) == ["3000", "4000", "5000"])
        let all = try #require(try described(bench, type: 4, "", "log.retention.ms"))
        #expect(all.value == "4000" && all.configSource == 3)

        #expect(try alter(bench, "1", "log.retention.ms", nil, operation: 1).errorCode == 0)
        #expect(log.settings.retentionInMilliseconds == 4000)
    }

    @Test("What needs a restart, makes no sense, or is another broker's is refused, and nothing is written")
    func refusals() throws {
        let bench = try BrokerBench()
        let fixed = try alter(bench, "1", "zookeeper.connect", "elsewhere:2181")
        #expect(ErrorCode.of(fixed.errorCode) == .invalidRequest)
        #expect(
            fixed.errorMessage?.hasSuffix("Cannot update these configs dynamically: Set(zookeeper.connect)") == true)
        #expect(ErrorCode.of(try alter(bench, "1", "log.retention.ms", "soon").errorCode) == .invalidRequest)
        #expect(ErrorCode.of(try alter(bench, "1", "num.io.threads", "0").errorCode) == .invalidRequest)
        #expect(ErrorCode.of(try alter(bench, "2", "log.retention.ms", "1").errorCode) == .invalidRequest)
        #expect(ErrorCode.of(try alter(bench, "one", "log.retention.ms", "1").errorCode) == .invalidRequest)
        #expect(bench.image.brokerConfigs.isEmpty && bench.image.defaultBrokerConfigs.isEmpty)
    }

    @Test("Who is overtaken by another hand alters what that has made of it")
    func overtaken() throws {
        let bench = try BrokerBench()
        bench.overtakings = [
            { $0.defaultBrokerConfigs["log.retention.ms"] = "5" }, { $0.defaultBrokerConfigs["log.roll.ms"] = "6" },
        ]
        #expect(try alter(bench, "", "log.segment.bytes", "16384").errorCode == 0)
        #expect(
            bench.image.defaultBrokerConfigs == [
                "log.retention.ms": "5", "log.roll.ms": "6", "log.segment.bytes": "16384",
            ])
    }

    private func setQuota(
        _ bench: BrokerBench, _ entity: [(String, String?)], _ key: String, _ value: Double?
    ) throws -> ErrorCode {
        var entry = AlterClientQuotasRequest.EntryData()
        entry.entity = entity.map { type, name in
            var data = AlterClientQuotasRequest.EntityData()
            data.entityType = type
            data.entityName = name
            return data
        }
        var operation = AlterClientQuotasRequest.OpData()
        operation.key = key
        operation.value = value ?? 0
        operation.remove = value == nil
        entry.ops = [operation]
        var request = AlterClientQuotasRequest()
        request.entries = [entry]
        return .of(try #require(try bench.call(request).entries.first).errorCode)
    }

    private func quotas(
        _ bench: BrokerBench, _ components: [(type: String, match: Int8, name: String?)], strict: Bool = false
    ) throws -> [String] {
        var request = DescribeClientQuotasRequest()
        request.strict = strict
        request.components = components.map { type, match, name in
            var component = DescribeClientQuotasRequest.ComponentData()
            component.entityType = type
            component.matchType = match
            component.match = name
            return component
        }
        return try #require(try bench.call(request).entries).map { entry in
            let names = entry.entity.map { "\($0.entityType)=\($0.entityName ?? "<default>")" }
            return (names + entry.values.map { "\($0.key)=\($0.value)" }).joined(separator: " ")
        }
    }

    @Test("Quotas are kept where Apache Kafka keeps them, and found by filters")
    func quotas() throws {
        let bench = try BrokerBench()
        #expect(try setQuota(bench, [("user", "al ice*")], "producer_byte_rate", 1024) == .none)
        #expect(try setQuota(bench, [("user", nil), ("client-id", "app")], "request_percentage", 12.5) == .none)
        #expect(try setQuota(bench, [("ip", "10.0.0.1")], "connection_creation_rate", 5) == .none)
        #expect(
            bench.image.entityConfigs == [
                "users/al%20ice%2A": ["producer_byte_rate": "1024"],
                "users/<default>/clients/app": ["request_percentage": "12.5"],
                "ips/10.0.0.1": ["connection_creation_rate": "5"],
            ])
        #expect(try quotas(bench, []).count == 3)
        #expect(try quotas(bench, [("user", 0, "al ice*")]) == ["user=al ice* producer_byte_rate=1024.0"])
        #expect(try quotas(bench, [("user", 1, nil)]) == ["user=<default> client-id=app request_percentage=12.5"])
        #expect(try quotas(bench, [("user", 1, nil)], strict: true).isEmpty)
        #expect(try quotas(bench, [("ip", 2, nil)]) == ["ip=10.0.0.1 connection_creation_rate=5.0"])
        #expect(try setQuota(bench, [("user", "al ice*")], "producer_byte_rate", nil) == .none)
        #expect(try quotas(bench, [("user", 0, "al ice*")]).isEmpty)
    }

    @Test("Quotas that make no sense are refused, and nothing is written")
    func badQuotas() throws {
        let bench = try BrokerBench()
        #expect(try setQuota(bench, [], "producer_byte_rate", 1) == .invalidRequest)
        #expect(try setQuota(bench, [("group", "g")], "producer_byte_rate", 1) == .invalidRequest)
        #expect(try setQuota(bench, [("user", "")], "producer_byte_rate", 1) == .invalidRequest)
        #expect(try setQuota(bench, [("user", "u")], "bytes", 1) == .invalidRequest)
        #expect(try setQuota(bench, [("user", "u")], "producer_byte_rate", 1.5) == .invalidRequest)
        #expect(try setQuota(bench, [("user", "u")], "producer_byte_rate", -1) == .invalidRequest)
        #expect(try setQuota(bench, [("user", "u")], "request_percentage", .infinity) == .invalidRequest)
        #expect(try setQuota(bench, [("user", "u"), ("ip", "::1")], "producer_byte_rate", 1) == .invalidRequest)
        #expect(bench.image.entityConfigs.isEmpty)
    }
}
