import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Seams
import Testing

/// Groups whose records the followers do not take.
@Suite("Answers of groups that are not committed")
struct GroupCommitTests {
    @Test("A commit is answered when it is on all replicas in sync")
    func committed() throws {
        let bench = try Self.bench()
        let commit = try bench.send(Self.commit())
        #expect(try bench.reply(to: commit) == nil)
        let end = try #require(bench.kernel.partitions[Self.partition]).log.logEndOffset
        _ = try bench.send(bench.replicaFetch("__consumer_offsets", by: 2, from: end, maxWait: 0))
        #expect(try bench.error(of: commit) == .none)
    }

    @Test("A commit that is not committed in time says that the coordinator is not available")
    func late() throws {
        let bench = try Self.bench()
        let commit = try bench.send(Self.commit())
        try bench.advance(milliseconds: 4_999)
        #expect(try bench.reply(to: commit) == nil)
        #expect(bench.kernel.nextDeadline <= bench.now + .milliseconds(1))
        try bench.advance(milliseconds: 1)
        #expect(try bench.error(of: commit) == .coordinatorNotAvailable)
        // It may be committed later, and answers nobody twice then.
        let end = try #require(bench.kernel.partitions[Self.partition]).log.logEndOffset
        _ = try bench.send(bench.replicaFetch("__consumer_offsets", by: 2, from: end, maxWait: 0))
        #expect(try bench.reply(to: commit) == nil)
    }

    @Test("Who asks for offsets meanwhile is told to ask again")
    func asking() throws {
        let bench = try Self.bench()
        _ = try bench.send(Self.commit())
        var group = OffsetFetchRequest.OffsetFetchRequestGroup()
        group.groupId = "g"
        group.topics = nil
        var request = OffsetFetchRequest()
        request.groups = [group]
        let fetch = try bench.send(request)
        var describe = DescribeGroupsRequest()
        describe.groups = ["g"]
        let describing = try bench.send(describe)
        try bench.advance(milliseconds: 5_000)
        let told = try #require(try bench.reply(to: fetch)?.groups.first)
        #expect(ErrorCode.of(told.errorCode) == .coordinatorLoadInProgress)
        let described = try #require(try bench.reply(to: describing)?.groups.first)
        #expect(ErrorCode.of(described.errorCode) == .coordinatorNotAvailable)
    }

    @Test("With too few replicas in sync a commit is refused at once, and nothing is appended")
    func underMinimum() throws {
        let bench = try Self.bench()
        try bench.changeImage { image in
            image.updateTopic("__consumer_offsets") { $0.configs["min.insync.replicas"] = "2" }
        }
        try bench.place("__consumer_offsets", on: [1, 2], inSync: [1], leader: 1)
        let end = try #require(bench.kernel.partitions[Self.partition]).log.logEndOffset
        #expect(try bench.error(of: bench.send(Self.commit())) == .coordinatorNotAvailable)
        #expect(try #require(bench.kernel.partitions[Self.partition]).log.logEndOffset == end)
    }

    @Test("Who is deposed says so, and only once")
    func deposed() throws {
        let bench = try Self.bench()
        let commit = try bench.send(Self.commit())
        try bench.place("__consumer_offsets", on: [1, 2], leader: 2)
        #expect(try bench.error(of: commit) == .notCoordinator)
        try bench.advance(milliseconds: 5_000)
        #expect(try bench.reply(to: commit) == nil)
    }

    private static let partition = TopicPartition(topic: "__consumer_offsets", partition: 0)

    /// Broker 1 coordinates all groups; broker 2 is in sync and fetches nothing by itself.
    private static func bench() throws -> BrokerBench {
        let bench = try BrokerBench { $0.committedOffsetsPartitionCount = 1 }
        try bench.createTopic("t")
        var find = FindCoordinatorRequest()
        find.coordinatorKeys = ["g"]
        _ = try bench.call(find)
        try bench.addBroker(2)
        try bench.place("__consumer_offsets", on: [1, 2], leader: 1)
        return bench
    }

    private static func commit() -> OffsetCommitRequest {
        var part = OffsetCommitRequest.OffsetCommitRequestPartition()
        part.committedOffset = 7
        var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
        topic.name = "t"
        topic.partitions = [part]
        var request = OffsetCommitRequest()
        request.groupId = "g"
        request.generationIdOrMemberEpoch = -1
        request.topics = [topic]
        return request
    }
}

extension BrokerBench {
    fileprivate func error(of pending: Pending<OffsetCommitRequest>) throws -> ErrorCode {
        .of(try #require(try reply(to: pending)?.topics.first?.partitions.first).errorCode)
    }
}
