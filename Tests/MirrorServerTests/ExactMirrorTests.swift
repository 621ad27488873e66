import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring
import NIOPosix
import Records
import Settings
import Testing

@testable import MirrorServer

/// Exact mirroring between two real regions in this process.
@Suite(.timeLimit(.minutes(2))) struct ExactMirrorTests {
    private static let link = "us-east->eu-west"

    private func start(
        _ east: Region, _ west: Region, policy: GapPolicy = .stop, deletions: DeletionPolicy = .ask,
        more: String = ""
    ) throws -> Mirror {
        let text = """
            clusters = us-east, eu-west
            us-east.bootstrap.servers = 127.0.0.1:\(east.port)
            eu-west.bootstrap.servers = 127.0.0.1:\(west.port)
            us-east->eu-west.enabled = true
            us-east->eu-west.mode = exact
            us-east->eu-west.topics = orders.*
            mirror.gap.policy = \(policy.rawValue)
            mirror.deletion.policy = \(deletions.rawValue)
            refresh.topics.interval.seconds = 1
            sync.topic.configs.interval.seconds = 1
            emit.heartbeats.enabled = false
            \(more)
            """
        let settings = try MirrorSettings.read(PropertiesFile(path: "test", text: text)).settings
        return try Mirror.start(settings, on: MultiThreadedEventLoopGroup.singleton, logger: silent)
    }

    /// Waits until the target's log ends where the source's does and holds the same bytes.
    private func awaitSame(_ partition: TopicPartition, _ east: Region, _ west: Region) async throws {
        while true {
            let source = try await Administrator(east.client).describeMirrors([partition])[partition]
            let target = try await described(partition, west)
            if let source, let target, source.highWatermark == target.highWatermark, source.logStart == target.logStart
            {
                let range = source.logStart..<source.highWatermark
                let proof = try await Administrator(east.client).digest(of: partition, range)
                #expect(try await Administrator(west.client).digest(of: partition, range) == proof)
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// nil while there is none.
    private func described(
        _ partition: TopicPartition, _ region: Region
    ) async throws -> Administrator.DescribedPartition? {
        do {
            return try await Administrator(region.client).describeMirrors([partition])[partition]
        } catch let fault as ClientFault where fault.isRetriable || fault.code == .unknownTopicOrPartition {
            region.client.forgetPlaces()
            return nil
        }
    }

    @Test func topicsArriveAsTheyAre() async throws {
        try await withRegions { east, west in
            let admin = Administrator(east.client)
            try await admin.createTopic("orders", partitions: 2, configuration: ["retention.ms": "7777777"])
            let partition = TopicPartition(topic: "orders", partition: 1)
            for (index, codec) in [CompressionCodec.none, .gzip, .zstd].enumerated() {
                try await east.produce(numbers(index * 10..<index * 10 + 10), to: partition, codec: codec)
            }
            // A deleted prefix that ends inside a batch.
            _ = try await admin.deleteRecords([partition: 4])
            let mirror = try start(east, west)
            try await west.awaitTopic("orders", partitions: 2)
            try await awaitSame(partition, east, west)
            let source = try #require(try await admin.topics(["orders"])["orders"])
            let target = try #require(try await Administrator(west.client).topics(["orders"])["orders"])
            #expect(source.id == target.id)
            #expect(
                try await Administrator(west.client).topicSettings(["orders"])["orders"]?["retention.ms"] == "7777777")

            await #expect(throws: ClientFault.self) { try await west.produce(["mine"], to: partition) }

            try await admin.createPartitions(of: "orders", count: 3)
            try await admin.alterConfiguration(of: .topic("orders"), ["retention.ms": "8888888"])
            let third = TopicPartition(topic: "orders", partition: 2)
            try await east.produce(["new"], to: third)
            try await west.awaitTopic("orders", partitions: 3)
            try await awaitSame(third, east, west)
            while try await Administrator(west.client).topicSettings(["orders"])["orders"]?["retention.ms"] != "8888888"
            {
                try await Task.sleep(for: .milliseconds(20))
            }
            _ = try await admin.deleteRecords([partition: 20])
            try await awaitSame(partition, east, west)
            await mirror.stop()
        }
    }

    @Test func aLimitedLinkTakesItsTime() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            let partition = TopicPartition(topic: "orders", partition: 0)
            let value = String(repeating: "0123456789", count: 2_000)
            for _ in 0..<20 { try await east.produce([value], to: partition) }
            let begun = ContinuousClock.now
            let mirror = try start(east, west, more: "us-east->eu-west.mirror.rate.bytes.per.second = 300000")
            try await west.awaitTopic("orders", partitions: 1)
            try await awaitSame(partition, east, west)
            // 800 KB; a little is made up for, and the last batch need not be paid for.
            #expect(ContinuousClock.now - begun > .seconds(1.5))
            await mirror.stop()
        }
    }

    @Test func interruptionsLoseAndDoubleNothing() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            let partition = TopicPartition(topic: "orders", partition: 0)
            var mirror = try start(east, west)
            var sent = 0
            for round in 0..<6 {
                for _ in 0..<20 {
                    try await east.produce(numbers(sent..<sent + 5), to: partition)
                    sent += 5
                }
                switch round % 3 {
                case 0:
                    await mirror.stop()
                    mirror = try start(east, west)
                case 1:
                    try await west.stopBroker()
                    try await west.startBroker()
                default:
                    try await east.stopBroker()
                    try await east.startBroker()
                }
            }
            try await west.awaitTopic("orders", partitions: 1)
            try await awaitSame(partition, east, west)
            #expect(try await west.values(sent, from: partition) == numbers(0..<sent))
            await mirror.stop()
        }
    }

    @Test func groupsFollowAndGoBackOnlyWithTheSource() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            let partition = TopicPartition(topic: "orders", partition: 0)
            try await east.produce(numbers(0..<10), to: partition)
            let mirror = try start(east, west)
            try await west.awaitTopic("orders", partitions: 1)
            try await awaitSame(partition, east, west)
            for offset in [Offset(4), 9, 2] {
                try await Administrator(east.client).commitOffsets([partition: offset], of: "readers")
                while try await committed(partition, west) != offset {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            await mirror.stop()
        }
    }

    private func committed(_ partition: TopicPartition, _ region: Region) async throws -> Offset? {
        try await Administrator(region.client).committedOffsets(of: "readers")[partition]?.offset
    }

    @Test func aGapIsToldAndHealedAsThePolicySays() async throws {
        try await withRegions { east, west in
            let admin = Administrator(east.client)
            try await admin.createTopic("orders", partitions: 1)
            let partition = TopicPartition(topic: "orders", partition: 0)
            try await east.produce(numbers(0..<10), to: partition)
            var mirror = try start(east, west)
            try await west.awaitTopic("orders", partitions: 1)
            try await awaitSame(partition, east, west)
            await mirror.stop()
            // Deleted before it was mirrored.
            try await east.produce(numbers(10..<20), to: partition)
            try await east.produce(numbers(20..<30), to: partition)
            _ = try await admin.deleteRecords([partition: 20])

            mirror = try start(east, west)
            let ledger = TopicPartition(topic: GapEntry.topic(source: "us-east", target: "eu-west"), partition: 0)
            try await west.awaitTopic(ledger.topic, partitions: 1)
            let entry = try await entry(1, ledger, west)
            #expect(entry.partition == partition && entry.gap == MirrorGap(.overtaken, 10..<20))
            #expect(entry.policy == .stop)
            #expect(try await described(partition, west)?.end == 10)
            await mirror.stop()

            mirror = try start(east, west, policy: .continue)
            try await awaitSame(partition, east, west)
            #expect(try await self.entry(2, ledger, west).policy == .continue)
            await mirror.stop()
        }
    }

    /// The entry of the ledger with that number, from 1.
    private func entry(_ number: Int, _ ledger: TopicPartition, _ region: Region) async throws -> GapEntry {
        let record = try #require(try await region.consume(number, from: ledger).last)
        return try GapEntry(key: #require(record.key), value: #require(record.value))
    }

    @Test func aTopicMadeAnewIsMirroredAnew() async throws {
        try await withRegions { east, west in
            let admin = Administrator(east.client)
            try await admin.createTopic("orders", partitions: 1)
            let partition = TopicPartition(topic: "orders", partition: 0)
            try await east.produce(numbers(0..<10), to: partition)
            let mirror = try start(east, west, policy: .rewind)
            try await west.awaitTopic("orders", partitions: 1)
            try await awaitSame(partition, east, west)
            try await admin.deleteTopic("orders")
            while try await !admin.topics(["orders"]).isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            try await admin.createTopic("orders", partitions: 1)
            try await east.produce(["other"], to: partition)
            let source = try #require(try await admin.topics(["orders"])["orders"])
            while try await Administrator(west.client).topics(["orders"])["orders"]?.id != source.id {
                try await Task.sleep(for: .milliseconds(20))
            }
            try await awaitSame(partition, east, west)
            #expect(try await west.values(1, from: partition) == ["other"])
            await mirror.stop()
        }
    }

    @Test(arguments: [DeletionPolicy.ask, .follow]) func deletionsAreFollowedWhenThatIsAskedFor(
        _ policy: DeletionPolicy
    ) async throws {
        try await withRegions { east, west in
            let admin = Administrator(east.client)
            for topic in ["orders", "orders-too"] { try await admin.createTopic(topic, partitions: 1) }
            let mirror = try start(east, west, deletions: policy)
            for topic in ["orders", "orders-too"] { try await west.awaitTopic(topic, partitions: 1) }
            try await admin.deleteTopic("orders")
            if policy == .follow {
                while try await !Administrator(west.client).topics(["orders"]).isEmpty {
                    try await Task.sleep(for: .milliseconds(20))
                }
            } else {
                // Looks go on: what is made later is mirrored.
                for number in 0..<5 {
                    try await admin.createTopic("orders-\(number)", partitions: 1)
                    try await west.awaitTopic("orders-\(number)", partitions: 1)
                }
            }
            let left = try await Administrator(west.client).topics().keys
            #expect(left.contains("orders") == (policy == .ask) && left.contains("orders-too"))
            await mirror.stop()
        }
    }

    @Test func whatIsThereAlreadyIsLeftAlone() async throws {
        try await withRegions { east, west in
            for region in [east, west] {
                try await Administrator(region.client).createTopic("orders", partitions: 1)
            }
            let partition = TopicPartition(topic: "orders", partition: 0)
            try await west.produce(["mine"], to: partition)
            try await east.produce(["theirs"], to: partition)
            try await Administrator(east.client).createTopic("orders-too", partitions: 1)
            let mirror = try start(east, west)
            try await west.awaitTopic("orders-too", partitions: 1)
            #expect(try await west.values(1, from: partition) == ["mine"])
            try await west.produce(["mine still"], to: partition)
            await mirror.stop()
        }
    }
}
