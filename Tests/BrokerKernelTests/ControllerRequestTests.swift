import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolClusters
import KafkaProtocolTransactions
import Testing

@Suite("What administrators ask of the controller")
struct ControllerRequestTests {
    private let me = BrokerBench.brokerID
    private let other = BrokerID(2)
    private let t0 = TopicPartition(topic: "t", partition: 0)

    /// A topic of one partition, on this broker first, that the other leads, and one that this broker has alone.
    private func bench() throws -> BrokerBench {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.createTopic("alone")
        try bench.changeImage { image in
            image.brokers[other] = BrokerRegistration(endpoints: [])
            image.updateTopic("t") { topic in
                topic.partitions[0] = PartitionImage(replicas: [me, other])
                let state = PartitionState(leader: other, leaderEpoch: 3, isr: [other, me], controllerEpoch: 1)
                topic.partitions[0].setState(state, version: 4)
            }
        }
        return bench
    }

    private func elect(
        _ bench: BrokerBench, _ partitions: [TopicPartition]?, type: Int8 = 0
    ) throws -> [TopicPartition: ErrorCode] {
        var request = ElectLeadersRequest()
        request.electionType = type
        request.topicPartitions = partitions?.map { id in
            var topic = ElectLeadersRequest.TopicPartitions()
            topic.topic = id.topic
            topic.partitions = [id.partition]
            return topic
        }
        var codes: [TopicPartition: ErrorCode] = [:]
        for topic in try bench.call(request).replicaElectionResults {
            for told in topic.partitionResult {
                codes[TopicPartition(topic: topic.topic, partition: told.partitionId)] = .of(told.errorCode)
            }
        }
        return codes
    }

    @Test("Elections are held where they are needed, and refused with the reason elsewhere")
    func elections() throws {
        let bench = try bench()
        let unknown = TopicPartition(topic: "t", partition: 7)
        let alone = TopicPartition(topic: "alone", partition: 0)
        #expect(try elect(bench, [t0], type: 1) == [t0: .electionNotNeeded])
        #expect(
            try elect(bench, [t0, unknown, alone])
                == [t0: .none, unknown: .unknownTopicOrPartition, alone: .electionNotNeeded])
        #expect(bench.image.partition(t0)?.leader == me)
        #expect(bench.image.partition(t0)?.leaderEpoch == 4)
        // Of all partitions only those that needed one are told.
        #expect(try elect(bench, nil).isEmpty)
    }

    @Test("Only the controller does what is the controller's")
    func otherBrokers() throws {
        let bench = try bench()
        try bench.changeImage { $0.controllerID = other }
        #expect(try elect(bench, [t0]) == [t0: .notController])
        #expect(ErrorCode.of(try bench.call(AlterPartitionReassignmentsRequest()).errorCode) == .notController)
        #expect(ErrorCode.of(try bench.call(ListPartitionReassignmentsRequest()).errorCode) == .notController)
        #expect(ErrorCode.of(try bench.call(UpdateFeaturesRequest()).errorCode) == .notController)
        #expect(ErrorCode.of(try bench.createTopic("u").errorCode) == .notController)
        #expect(try bench.deleteTopic("t") == .notController)
        #expect(bench.image.topics.keys.sorted() == ["alone", "t"])
    }

    private func move(_ bench: BrokerBench, _ partition: Int32, to replicas: [Int32]?) throws -> ErrorCode {
        var wanted = AlterPartitionReassignmentsRequest.ReassignablePartition()
        wanted.partitionIndex = partition
        wanted.replicas = replicas
        var topic = AlterPartitionReassignmentsRequest.ReassignableTopic()
        topic.name = "t"
        topic.partitions = [wanted]
        var request = AlterPartitionReassignmentsRequest()
        request.topics = [topic]
        let told = try #require(try bench.call(request).responses.first?.partitions.first)
        #expect((told.errorCode == 0) == (told.errorMessage == nil))
        return .of(told.errorCode)
    }

    @Test("Moves are begun, listed and cancelled, and those that make no sense write nothing")
    func moves() throws {
        let bench = try bench()
        let third = BrokerID(3)
        #expect(try move(bench, 0, to: [1, 3]) == .invalidReplicaAssignment)
        #expect(try move(bench, 0, to: []) == .invalidReplicaAssignment)
        #expect(try move(bench, 0, to: [1, 1]) == .invalidReplicaAssignment)
        #expect(try move(bench, 1, to: [1]) == .unknownTopicOrPartition)
        #expect(try move(bench, 0, to: nil) == .noReassignmentInProgress)
        #expect(bench.image.partition(t0)?.assignment == ReplicaAssignment(replicas: [me, other]))

        try bench.changeImage { $0.brokers[third] = BrokerRegistration(endpoints: []) }
        #expect(try move(bench, 0, to: [3, 2]) == .none)
        let moving = try #require(try bench.call(ListPartitionReassignmentsRequest()).topics.first)
        #expect(moving.name == "t")
        #expect(moving.partitions.map(\.replicas) == [[3, 2, 1]])
        #expect(moving.partitions.map(\.addingReplicas) == [[3]])
        #expect(moving.partitions.map(\.removingReplicas) == [[1]])
        #expect(try move(bench, 0, to: nil) == .none)
        #expect(bench.image.partition(t0)?.replicas == [other, me])
        #expect(try bench.call(ListPartitionReassignmentsRequest()).topics.isEmpty)
    }

    @Test("Features cannot be updated in a cluster that lives in a tree")
    func features() throws {
        var update = UpdateFeaturesRequest.FeatureUpdateKey()
        update.feature = "metadata.version"
        update.maxVersionLevel = 3
        var request = UpdateFeaturesRequest()
        request.featureUpdates = [update]
        let told = try BrokerBench().call(request)
        #expect(ErrorCode.of(told.errorCode) == .none)
        #expect(told.results.map { ErrorCode.of($0.errorCode) } == [.invalidRequest])
    }

    @Test("Partitions are told a page at a time")
    func pages() throws {
        let bench = try BrokerBench()
        try bench.createTopic("a", partitions: 3)
        try bench.createTopic("b", partitions: 2)
        var request = DescribeTopicPartitionsRequest()
        request.responsePartitionLimit = 2
        var told: [String] = []
        for _ in 0..<5 {
            let page = try bench.call(request)
            for topic in page.topics { told += topic.partitions.map { "\(topic.name ?? "")\($0.partitionIndex)" } }
            guard let next = page.nextCursor else { break }
            var cursor = DescribeTopicPartitionsRequest.Cursor()
            cursor.topicName = next.topicName
            cursor.partitionIndex = next.partitionIndex
            request.cursor = cursor
        }
        #expect(told == ["a0", "a1", "a2", "b0", "b1"])
    }

    @Test("Who wrote to a partition, and how large it is, is told by its leader")
    func producersAndSizes() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a", "b"], producer: 7, epoch: 1, sequence: 0), to: "t")
        var topic = DescribeProducersRequest.TopicRequest()
        topic.name = "t"
        topic.partitionIndexes = [0, 1]
        var request = DescribeProducersRequest()
        request.topics = [topic]
        let partitions = try #require(try bench.call(request).topics.first?.partitions)
        #expect(partitions.map { ErrorCode.of($0.errorCode) } == [.none, .unknownTopicOrPartition])
        #expect(partitions[0].activeProducers.map(\.producerId) == [7])
        #expect(partitions[0].activeProducers.map(\.lastSequence) == [1])

        var all = DescribeLogDirsRequest()
        all.topics = nil
        let directory = try #require(try bench.call(all).results.first)
        #expect(directory.logDir == "/data")
        #expect(directory.topics.first?.partitions.first?.partitionSize ?? 0 > 0)
    }
}
