import BrokerKernel
import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolGroups
import Security
import Testing

@Suite("Groups of the new protocol")
struct ConsumerGroupTests {
    private func bench(_ change: (inout BrokerKernelSettings) -> Void = { _ in }) throws -> BrokerBench {
        let bench = try BrokerBench(change)
        try bench.createTopic("t", partitions: 2)
        try findCoordinator(bench)
        return bench
    }

    private func findCoordinator(_ bench: BrokerBench) throws {
        var find = FindCoordinatorRequest()
        find.coordinatorKeys = ["g"]
        #expect(try bench.call(find).coordinators.map(\.errorCode) == [0])
    }

    private func joining(names: [String]? = ["t"], pattern: String? = nil) -> ConsumerGroupHeartbeatRequest {
        var request = ConsumerGroupHeartbeatRequest()
        request.groupId = "g"
        request.memberId = "m"
        request.rebalanceTimeoutMs = 60_000
        request.subscribedTopicNames = names
        request.subscribedTopicRegex = pattern
        request.topicPartitions = []
        return request
    }

    private func staying(_ epoch: Int32) -> ConsumerGroupHeartbeatRequest {
        var request = ConsumerGroupHeartbeatRequest()
        request.groupId = "g"
        request.memberId = "m"
        request.memberEpoch = epoch
        return request
    }

    private func describe(_ bench: BrokerBench, _ group: String = "g") throws
        -> ConsumerGroupDescribeResponse.DescribedGroup
    {
        var request = ConsumerGroupDescribeRequest()
        request.groupIds = [group]
        request.includeAuthorizedOperations = true
        return try #require(try bench.call(request).groups.first)
    }

    private func given(_ response: ConsumerGroupHeartbeatResponse) -> [[Int32]]? {
        response.assignment?.topicPartitions.map { $0.partitions.sorted() }
    }

    @Test func membersAreGivenTopicsAndWhatIsAddedToThem() throws {
        let bench = try bench()
        let told = try bench.call(joining())
        #expect(told.errorCode == 0 && told.memberEpoch == 1 && given(told) == [[0, 1]])
        var add = CreatePartitionsRequest()
        var topic = CreatePartitionsRequest.CreatePartitionsTopic()
        topic.name = "t"
        topic.count = 3
        topic.assignments = nil
        add.topics = [topic]
        add.timeoutMs = 1_000
        #expect(try bench.call(add).results.map(\.errorCode) == [0])
        let more = try bench.call(staying(1))
        #expect(more.memberEpoch == 2 && given(more) == [[0, 1, 2]])
        let described = try describe(bench)
        #expect(described.errorCode == 0 && described.groupState == "Stable" && described.groupEpoch == 2)
        #expect(described.members.map(\.assignment.topicPartitions.first?.topicName) == ["t"])
        #expect(described.authorizedOperations != .min)
        #expect(try describe(bench, "other").errorCode == ErrorCode.groupIdNotFound.rawValue)
    }

    @Test func membersSurviveARestart() throws {
        let bench = try bench()
        _ = try bench.call(joining())
        try bench.restart()
        let told = try bench.call(staying(1))
        #expect(told.errorCode == 0 && told.memberEpoch == 1 && told.assignment == nil)
    }

    @Test func decisionsThatFillASegmentAreStoredInParts() throws {
        let bench = try bench { $0.committedOffsetsSegmentSizeInBytes = 600 }
        var joining = joining()
        for number in 0..<20 {
            joining.memberId = "member-\(number)"
            #expect(try bench.call(joining).errorCode == 0)
        }
        try bench.advance(milliseconds: 46_000)
        #expect(try describe(bench).groupState == "Empty")
        try bench.restart()
        let described = try describe(bench)
        #expect(described.groupState == "Empty" && described.groupEpoch == 21 && described.members.isEmpty)
    }

    @Test func versionZeroHasNoExpressions() throws {
        let bench = try bench()
        var request = joining()
        request.memberId = ""
        let told = try bench.call(request, version: 0)
        #expect(told.errorCode == 0 && told.memberId?.isEmpty == false)
    }

    @Test func expressionsFindOnlyWhatTheirMemberMaySee() throws {
        let bench = try BrokerBench.controlled()
        for name in ["seen", "secret"] { try bench.createTopic(name, partitions: 1) }
        try findCoordinator(bench)
        let alice = KafkaPrincipal(name: "alice")
        try bench.rule(.allow, alice, .all, .group, "g")
        try bench.rule(.allow, alice, .describe, .topic, "seen")
        try bench.acting(as: alice) {
            #expect(try bench.call(joining(names: ["seen", "secret"])).errorCode == denied)
            let told = try bench.call(joining(names: nil, pattern: "se.*"))
            #expect(told.errorCode == 0 && given(told) == [[0]])
            try bench.rule(.allow, alice, .describe, .topic, "secret-too")
        }
        for name in ["secret-too", "secret-three"] { try bench.createTopic(name, partitions: 1) }
        try bench.acting(as: alice) {
            let told = try bench.call(staying(1))
            #expect(given(told) == [[0], [0]])
            #expect(try describe(bench).errorCode == 0)
            try bench.rule(.deny, alice, .describe, .topic, "seen")
            let hidden = try describe(bench)
            #expect(hidden.errorCode == denied && hidden.members.isEmpty)
        }
    }

    private let denied = ErrorCode.topicAuthorizationFailed.rawValue
}
