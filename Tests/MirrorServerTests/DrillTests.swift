import ClusterModel
import MartletClient
import Mirroring
import NIOPosix
import Settings
import Testing

@testable import MirrorServer

/// Forks beside a real mirror topic; what kills and applications do to them is shown in integration/clusters.
@Suite(.timeLimit(.minutes(2))) struct DrillTests {
    private static let link = "us-east->eu-west"
    private let partition = TopicPartition(topic: "orders", partition: 0)
    private let fork = TopicPartition(topic: "drill.orders", partition: 0)

    private func settings(_ east: Region, _ west: Region, mode: String = "exact") throws -> MirrorSettings {
        let text = """
            clusters = us-east, eu-west
            us-east.bootstrap.servers = 127.0.0.1:\(east.port)
            eu-west.bootstrap.servers = 127.0.0.1:\(west.port)
            us-east->eu-west.enabled = true
            us-east->eu-west.mode = \(mode)
            us-east->eu-west.topics = orders
            refresh.topics.interval.seconds = 1
            emit.heartbeats.enabled = false
            """
        return try MirrorSettings.read(PropertiesFile(path: "test", text: text)).settings
    }

    /// Two regions of which the second mirrors orders, and a drill.
    private func withDrill(_ body: (Region, Region, Drill) async throws -> Void) async throws {
        try await withRegions { east, west in
            let settings = try settings(east, west)
            try await Administrator(east.client).createTopic(
                "orders", partitions: 1, configuration: ["retention.ms": "-1"])
            let mirror = try Mirror.start(settings, on: MultiThreadedEventLoopGroup.singleton, logger: silent)
            try await west.awaitTopic("orders", partitions: 1)
            let ends = try await LinkEnds.open(
                Self.link, in: settings, on: MultiThreadedEventLoopGroup.singleton, logger: silent)
            let drill = try Drill(ends, prefix: "drill.", waitingAtMost: .seconds(30))
            try await body(east, west, drill)
            await ends.close()
            await mirror.stop()
        }
    }

    private func described(
        _ partition: TopicPartition, _ region: Region
    ) async throws -> Administrator.DescribedPartition {
        try #require(try await Administrator(region.client).describeMirrors([partition])[partition])
    }

    /// Waits until the mirror topic is committed up to an offset and begins at another.
    private func awaitMirrored(_ west: Region, start: Offset = 0, _ end: Offset) async throws {
        while true {
            let told = try await Administrator(west.client).describeMirrors([partition])[partition]
            if let told, told.logStart == start, told.highWatermark == end { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test func aForkBeginsAndEndsWhereItsMirrorTopicDoes() async throws {
        try await withDrill { east, west, drill in
            for start in [0, 10, 20] { try await east.produce(numbers(start..<start + 10), to: partition) }
            try await awaitMirrored(west, 30)
            // A deleted prefix that ends inside a batch. What is deleted before it is mirrored would be a gap.
            _ = try await Administrator(east.client).deleteRecords([partition: 14])
            try await awaitMirrored(west, start: 14, 30)
            let report = try await drill.start(nil, groupPrefix: "drill.", isRehearsal: false)
            let topic = try #require(report.topics["orders"])
            #expect(report.isDone && topic.state == .writable && topic.recordsPossiblyLost == 0)
            let one = try #require(topic.partitions.first)
            #expect(one.verdict == .equal && one.from == 14 && one.to == 30 && one.forkEnd == 30)
            #expect(try await described(fork, west).logStart == 14)
            let settings = try await Administrator(west.client).topicSettings(["drill.orders"])["drill.orders"]
            #expect(settings?["retention.ms"] == "-1")
            // What is written into both parts them no further back than where the drill began.
            try await west.produce(["rehearsed"], to: fork)
            try await east.produce(numbers(30..<40), to: partition)
            try await awaitMirrored(west, start: 14, 40)
            let later = try await drill.report(nil)
            #expect(later.isDone && later.topics["orders"]?.partitions.first?.forkEnd == 31)
            #expect(later.secondsToWritable == report.secondsToWritable)
            // It is left as it is.
            #expect(try await drill.start(nil, groupPrefix: "drill.", isRehearsal: false).isDone)
            #expect(try await described(fork, west).end == 31)
            #expect(try await drill.end(nil, isRehearsal: false).deletedTopics == ["drill.orders"])
            #expect(try await drill.report(nil).topics.isEmpty)
        }
    }

    @Test func anEmptyPartitionIsForkedToo() async throws {
        try await withDrill { east, west, drill in
            try await east.produce(numbers(0..<5), to: partition)
            try await awaitMirrored(west, 5)
            _ = try await Administrator(east.client).deleteRecords([partition: 5])
            try await awaitMirrored(west, start: 5, 5)
            #expect(try await drill.start(nil, groupPrefix: "", isRehearsal: false).isDone)
            let told = try await described(fork, west)
            #expect(told.logStart == 5 && told.end == 5)
            try await west.produce(["first"], to: fork)
            #expect(try await described(fork, west).end == 6)
        }
    }

    @Test func whatIsDeletedWhileAForkIsFilledIsLeftOut() async throws {
        try await withDrill { east, west, drill in
            for start in [0, 10, 20] { try await east.produce(numbers(start..<start + 10), to: partition) }
            try await awaitMirrored(west, 30)
            // An earlier run has come to the end of the first batch when it was killed.
            let topic = try #require(try await drill.plan(nil).first)
            var change = Administrator.MirrorChange(.mirror, topic.fork, homeEpoch: 0)
            change.topicID = topic.forkID
            change.sourceClusterID = try #require(try await drill.target.describeCluster().clusterID)
            change.partitionCount = 1
            try await drill.target.require([change], link: drill.fork.name)
            func copy(to end: Offset) -> ForkCopy {
                ForkCopy(
                    cluster: drill.ends.target, link: drill.fork.name, origin: partition, fork: fork,
                    forkID: topic.forkID, end: end, limit: .seconds(30))
            }
            try await copy(to: 10).run()
            #expect(try await described(fork, west).end == 10)
            _ = try await Administrator(east.client).deleteRecords([partition: 25])
            try await awaitMirrored(west, start: 25, 30)
            try await copy(to: 30).run()
            let told = try await described(fork, west)
            #expect(told.logStart == 25 && told.end == 30)
            // The whole of it goes on from there.
            let report = try await drill.start(nil, groupPrefix: "", isRehearsal: false)
            #expect(report.isDone && report.topics["orders"]?.partitions.first?.from == 25)
        }
    }

    @Test func onlyWhatALinkMirrorsExactlyIsForked() async throws {
        try await withRegions { east, west in
            let ends = try await LinkEnds.open(
                Self.link, in: try settings(east, west, mode: "compatible"),
                on: MultiThreadedEventLoopGroup.singleton, logger: silent)
            #expect(throws: CompatibleLink.self) { try Drill(ends, prefix: "drill.", waitingAtMost: .seconds(1)) }
            await ends.close()
        }
    }
}
