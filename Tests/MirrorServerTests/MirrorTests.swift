import ClusterModel
import KafkaProtocolGroups
import MartletClient
import Mirroring
import NIOPosix
import Records
import Settings
import Telemetry
import Testing

@testable import MirrorServer

/// A mirror between two real regions in this process.
@Suite(.timeLimit(.minutes(2))) struct MirrorTests {
    private func settings(_ east: Region, _ west: Region, _ more: String = "") throws -> MirrorSettings {
        let text = """
            clusters = us-east, eu-west
            us-east.bootstrap.servers = 127.0.0.1:\(east.port)
            eu-west.bootstrap.servers = 127.0.0.1:\(west.port)
            us-east->eu-west.enabled = true
            us-east->eu-west.topics = orders.*
            refresh.topics.interval.seconds = 1
            emit.checkpoints.interval.seconds = 1
            sync.group.offsets.enabled = true
            sync.group.offsets.interval.seconds = 1

            """
        return try MirrorSettings.read(PropertiesFile(path: "test", text: text + more)).settings
    }

    private func start(_ settings: MirrorSettings) throws -> Mirror {
        try Mirror.start(settings, on: MultiThreadedEventLoopGroup.singleton, logger: silent)
    }

    @Test func topicsPartitionsAndSettingsFollow() async throws {
        try await withRegions { east, west in
            let admin = Administrator(east.client)
            try await admin.createTopic("orders", partitions: 2, configuration: ["retention.ms": "7777777"])
            try await admin.createTopic("other", partitions: 1)
            for (index, codec) in [CompressionCodec.none, .gzip, .snappy, .lz4, .zstd].enumerated() {
                let values = numbers(index * 10..<index * 10 + 10)
                try await east.produce(values, to: TopicPartition(topic: "orders", partition: 1), codec: codec)
            }
            let mirror = try start(try settings(east, west))
            try await west.awaitTopic("us-east.orders", partitions: 2)
            let copy = TopicPartition(topic: "us-east.orders", partition: 1)
            let records = try await west.consume(50, from: copy)
            #expect(records == (try await east.consume(50, from: TopicPartition(topic: "orders", partition: 1))))
            let configuration = try await Administrator(west.client).configuration(of: .topic("us-east.orders"))
            #expect(configuration.first { $0.name == "retention.ms" }?.value == "7777777")

            try await admin.createPartitions(of: "orders", count: 3)
            try await east.produce(["new"], to: TopicPartition(topic: "orders", partition: 2))
            try await admin.createTopic("orders-too", partitions: 1)
            try await east.produce(["too"], to: TopicPartition(topic: "orders-too", partition: 0))
            try await west.awaitTopic("us-east.orders", partitions: 3)
            #expect(try await west.values(1, from: TopicPartition(topic: copy.topic, partition: 2)) == ["new"])
            try await west.awaitTopic("us-east.orders-too", partitions: 1)
            #expect(
                try await west.values(1, from: TopicPartition(topic: "us-east.orders-too", partition: 0)) == ["too"])
            #expect(try await Administrator(west.client).topics()["us-east.other"] == nil)
            await mirror.stop()
        }
    }

    @Test func figuresHaveMirrorMakersNames() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            let original = TopicPartition(topic: "orders", partition: 0)
            let mirror = try start(try settings(east, west))
            try await west.awaitTopic("us-east.orders", partitions: 1)
            try await east.produce(numbers(0..<10), to: original)
            _ = try await west.consume(10, from: TopicPartition(topic: "us-east.orders", partition: 0))
            try await Administrator(east.client).commitOffsets([original: 4], of: "readers")
            func shown(_ name: String, _ more: [Metric.Label] = []) -> Double? {
                let labels = [Metric.Label("source", "us-east"), Metric.Label("target", "eu-west")] + more
                // Heartbeats of the other region may be mirrored as well.
                let metric = mirror.metrics.first {
                    $0.name == "kafka_connect_mirror_\(name)" && $0.labels.starts(with: labels)
                }
                guard case .gauge(let number)? = metric?.value else { return nil }
                return number
            }
            let place = [Metric.Label("topic", "us-east.orders"), Metric.Label("partition", "0")]
            while shown("mirrorsourceconnector_record_count", place) != 10 {
                try await Task.sleep(for: .milliseconds(20))
            }
            for name in ["record_rate", "byte_count", "byte_rate"] {
                #expect(shown("mirrorsourceconnector_\(name)", place) ?? 0 > 0, "\(name)")
            }
            // The records are of 2023.
            for name in ["record_age_ms", "replication_latency_ms"] {
                for part in ["", "_min", "_max", "_avg"] {
                    #expect(shown("mirrorsourceconnector_\(name)\(part)", place) ?? 0 > 1e10, "\(name)\(part)")
                }
            }
            while shown(
                "mirrorcheckpointconnector_checkpoint_latency_ms_max", [Metric.Label("group", "readers")] + place)
                == nil
            {
                try await Task.sleep(for: .milliseconds(20))
            }
            // Ours: nothing lags.
            func ours(_ name: String) -> Metric? {
                mirror.metrics.first {
                    $0.name == "martlet_mirror_\(name)" && $0.labels.contains(Metric.Label("topic", "orders"))
                }
            }
            while ["records", "bytes", "seconds"].contains(where: { ours("lag_\($0)")?.value != .gauge(0) }) {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(
                ours("partition_state")?.labels.suffix(2) == [
                    Metric.Label("state", "copying"), Metric.Label("cause", ""),
                ])
            await mirror.stop()
        }
    }

    @Test func interruptionsLoseAndDoubleNothing() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            let original = TopicPartition(topic: "orders", partition: 0)
            let settings = try settings(east, west)
            var mirror = try start(settings)
            var sent = 0
            for round in 0..<6 {
                for _ in 0..<20 {
                    try await east.produce(numbers(sent..<sent + 5), to: original)
                    sent += 5
                }
                switch round % 3 {
                case 0:
                    await mirror.stop()
                    mirror = try start(settings)
                case 1:
                    try await west.stopBroker()
                    try await west.startBroker()
                default:
                    try await east.stopBroker()
                    try await east.startBroker()
                }
            }
            try await west.awaitTopic("us-east.orders", partitions: 1)
            let copy = TopicPartition(topic: "us-east.orders", partition: 0)
            #expect(try await west.values(sent, from: copy) == numbers(0..<sent))
            await mirror.stop()
            let end = try await Administrator(west.client).offsets(.latest, of: [copy])[copy]?.offset
            #expect(end == Offset(sent))
        }
    }

    @Test func otherToolsCanFollow() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            let original = TopicPartition(topic: "orders", partition: 0)
            let copy = TopicPartition(topic: "us-east.orders", partition: 0)
            let mirror = try start(try settings(east, west))
            try await west.awaitTopic(copy.topic, partitions: 1)
            try await east.produce(numbers(0..<10), to: original)
            _ = try await west.consume(10, from: copy)
            try await Administrator(east.client).commitOffsets([original: 4], of: "readers")

            try await west.awaitTopic("us-east.checkpoints.internal", partitions: 1)
            let written = try await west.consume(
                1, from: TopicPartition(topic: "us-east.checkpoints.internal", partition: 0))
            let checkpoint = try Checkpoint(key: #require(written[0].key), value: #require(written[0].value))
            #expect(
                checkpoint
                    == Checkpoint(
                        group: "readers", partition: copy, upstreamOffset: 4, downstreamOffset: 4, metadata: ""))

            try await east.awaitTopic("mm2-offset-syncs.eu-west.internal", partitions: 1)
            let syncs = try await east.consume(
                1, from: TopicPartition(topic: "mm2-offset-syncs.eu-west.internal", partition: 0))
            let sync = try OffsetSync(key: #require(syncs[0].key), value: #require(syncs[0].value))
            #expect(sync.upstreamOffset == sync.downstreamOffset)

            try await west.awaitTopic("heartbeats", partitions: 1)
            let beats = try await west.consume(1, from: TopicPartition(topic: "heartbeats", partition: 0))
            let beat = try Heartbeat(key: #require(beats[0].key), value: #require(beats[0].value))
            #expect(beat.source == "us-east" && beat.target == "eu-west")
            try await west.awaitTopic("us-east.heartbeats", partitions: 1)

            while try await Administrator(west.client).committedOffsets(of: "readers")[copy]?.offset != 4 {
                try await Task.sleep(for: .milliseconds(50))
            }
            await mirror.stop()
        }
    }

    @Test func nothingGoesBack() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            let both = "eu-west->us-east.enabled = true\neu-west->us-east.topics = .*\n"
            let mirror = try start(try settings(east, west, both))
            try await west.awaitTopic("us-east.orders", partitions: 1)
            try await Administrator(west.client).createTopic("payments", partitions: 1)
            // A later look than the one that saw the copy.
            try await east.awaitTopic("eu-west.payments", partitions: 1)
            await mirror.stop()
            let names = try await Administrator(east.client).topics().keys
            #expect(!names.contains { $0.hasPrefix("eu-west.us-east") })
        }
    }

    @Test func unchangedNamesDoNotGoBackEither() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            let both = """
                replication.policy.class = IdentityReplicationPolicy
                eu-west->us-east.enabled = true
                eu-west->us-east.topics = [a-z]+

                """
            // Two patterns that overlap, which the settings' check cannot see.
            let mirror = try start(try settings(east, west, both))
            let original = TopicPartition(topic: "orders", partition: 0)
            try await west.awaitTopic("orders", partitions: 1)
            try await east.produce(["once"], to: original)
            #expect(try await west.values(1, from: original) == ["once"])
            try await Administrator(west.client).createTopic("payments", partitions: 1)
            try await east.awaitTopic("payments", partitions: 1)
            await mirror.stop()
            let end = try await Administrator(east.client).offsets(.latest, of: [original])[original]?.offset
            #expect(end == 1)
        }
    }

    @Test func aClusterThatIsAwayIsWaitedFor() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            try await east.produce(["first"], to: TopicPartition(topic: "orders", partition: 0))
            try await west.stopBroker()
            let mirror = try start(try settings(east, west))
            try await west.startBroker()
            try await west.awaitTopic("us-east.orders", partitions: 1)
            #expect(try await west.values(1, from: TopicPartition(topic: "us-east.orders", partition: 0)) == ["first"])
            await mirror.stop()
        }
    }
}
