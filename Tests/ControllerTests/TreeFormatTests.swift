import ClusterModel
import Controller
import Testing

@Suite struct TreeFormatTests {
    /// What we would write for what was parsed from `text`; nil for nodes that are not ours to write.
    private func rewritten(_ node: TreeFixture.Node, _ text: [UInt8]) throws -> [UInt8]? {
        switch TreeNode(path: node.path) {
        case .clusterID: return ClusterIDNode.text(try ClusterIDNode.parse(text))
        case .controller: return try ControllerNode(parsing: text).text
        case .controllerEpoch: return ControllerEpochNode.text(try ControllerEpochNode.parse(text))
        case .topic: return try TopicNode(parsing: text).text
        case .partitionState: return try PartitionState(parsing: text).text
        case .topicConfig, .brokerConfig, .defaultBrokerConfig, .entityConfig:
            return ConfigNode.text(try ConfigNode.parse(text))
        case .broker:
            let time = try #require(try JSONValue(parsing: text).asObject?["timestamp"]?.asString.flatMap { Int64($0) })
            return try BrokerRegistration(parsing: text, epoch: 1).text(at: time)
        case .reassignment: return try ReassignmentNode(parsing: text).text
        case .accessRules: return AccessNode.text(try AccessNode.parse(text))
        case .preferredElection, .topicDeletion, .deletedTopic, nil: break
        }
        if node.path == TreePath.producerIDBlock { return try ProducerIDBlock(parsing: text).text }
        if node.path == TreePath.feature { return FeatureNode.text }
        if node.path.hasPrefix(TreePath.configChange) {
            let entity = try #require(try JSONValue(parsing: text).asObject?["entity_path"]?.asString)
            return ConfigNode.changeText(entity: entity)
        }
        return nil
    }

    @Test(arguments: TreeFixture.names) func writesWhatApacheWrites(_ name: String) throws {
        var compared = 0
        for node in try TreeFixture(name).nodes {
            guard let text = node.text.map({ Array($0.utf8) }), !text.isEmpty,
                let ours = try rewritten(node, text)
            else { continue }
            #expect(try JSONValue(parsing: ours) == JSONValue(parsing: text), "\(node.path)")
            compared += 1
        }
        #expect(compared >= 7)
    }

    @Test(arguments: TreeFixture.names) func makesTheNodesThatApacheMakes(_ name: String) throws {
        let paths = Set(try TreeFixture(name).nodes.map(\.path))
        let ours = TreePath.deletedTopics
        for path in TreePath.persistent + TreePath.persistentForAccess where path != ours {
            #expect(paths.contains(path) || path == "/latest_producer_id_block", "\(path)")
        }
    }

    @Test func readsAWholeTree() throws {
        let image = try TreeFixture("tree-05-broker-2-killed").image()
        #expect(image.clusterID == "5F1dGrkjS3KA2L1IWkszJg")
        #expect(image.controllerID == BrokerID(3))
        #expect(image.controllerEpoch == 1)
        #expect(image.brokers.keys.sorted() == [BrokerID(1), BrokerID(3)])
        #expect(image.brokers[BrokerID(3)]?.rack == "rack-3")
        #expect(image.brokers[BrokerID(3)]?.isMartlet == false)
        let listener = image.brokers[BrokerID(1)]?.endpoint(ofListener: "PLAINTEXT")
        #expect(listener?.host == "127.0.0.1")
        #expect(listener?.port == 16101)
        #expect(image.topics["orders"]?.partitions.count == 4)
        #expect(image.topics["orders"]?.configs["retention.ms"] == "-1")
        #expect(image.brokerConfigs[BrokerID(1)] == ["log.cleaner.threads": "2"])
        for (_, topic) in image.topics {
            for partition in topic.partitions {
                #expect(partition.leader != BrokerID(2))
                #expect(!partition.isr.contains(BrokerID(2)))
            }
        }
    }

    @Test func marksItsOwnRegistration() throws {
        let registration = BrokerRegistration(
            endpoints: [
                BrokerEndpoint(listenerName: "OUT", securityProtocol: "SSL", host: "::1", port: 9093),
                BrokerEndpoint(listenerName: "IN", securityProtocol: "PLAINTEXT", host: "h", port: 9092),
            ], rack: nil, epoch: 12)
        let text = registration.text(at: 3)
        #expect(try BrokerRegistration(parsing: text, epoch: 12) == registration)
        let object = try #require(try JSONValue(parsing: text).asObject)
        #expect(object["host"] == .string("h"))
        #expect(object["endpoints"] == .array([.string("OUT://[::1]:9093"), .string("IN://h:9092")]))
    }

    @Test func pathsAndNodesAgree() {
        let partition = TopicPartition(topic: "a.b", partition: 12)
        let nodes: [TreeNode] = [
            .clusterID, .controller, .controllerEpoch, .broker(BrokerID(1)), .topic("a.b"),
            .partitionState(partition), .topicConfig("a.b"), .brokerConfig(BrokerID(2)), .defaultBrokerConfig,
            .topicDeletion("x"),
        ]
        for node in nodes { #expect(TreeNode(path: node.path) == node) }
        for path in ["", "/", "/brokers/ids", "/brokers/ids/", "/brokers/ids/x", "/brokers/topics/a/partitions/0"] {
            #expect(TreeNode(path: path) == nil, "\(path)")
        }
    }

    @Test(
        arguments: [
            "", "[]", "{\"version\":3}", "{\"version\":9,\"partitions\":{}}",
            "{\"version\":1,\"partitions\":{\"1\":[1]}}",
            "{\"version\":1,\"partitions\":{\"0\":[99999999999]}}", "{\"version\":1,\"partitions\":{\"-1\":[1]}}",
            "{\"version\":3,\"partitions\":{\"0\":[1]},\"topic_id\":\"short\"}",
        ]) func refusesBrokenTopics(_ text: String)
    {
        #expect(throws: MalformedNode.self) { try TopicNode(parsing: Array(text.utf8)) }
    }

    @Test func aBrokenNodeLeavesTheImageAsItWas() throws {
        var image = try TreeFixture("tree-01-topics-created").image()
        let before = image
        for node in [TreeNode.controller, .topic("orders"), .topicConfig("orders"), .broker(BrokerID(1))] {
            #expect(throws: MalformedNode.self) {
                try image.take(node, NodeReading(data: Array("{\"version\":".utf8), version: 9, created: 9))
            }
        }
        #expect(image == before)
    }

    @Test func forgetsStatesOfATopicMadeAgain() throws {
        var image = try TreeFixture("tree-01-topics-created").image()
        let node = TopicNode(id: KafkaUUID(high: 1, low: 1), assignment: [[BrokerID(1)]])
        try image.take(.topic("orders"), NodeReading(data: node.text, version: 0, created: 1))
        #expect(image.topics["orders"]?.partitions == [PartitionImage(replicas: [BrokerID(1)])])
        #expect(
            image.nodesToRead(afterTopic: "orders")
                == [.topicConfig("orders"), .partitionState(TopicPartition(topic: "orders", partition: 0))])
    }
}
