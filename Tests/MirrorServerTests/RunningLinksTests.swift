import ClusterModel
import MartletClient
import Mirroring
import NIOCore
import NIOPosix
import Settings
import Telemetry
import Testing

@testable import MirrorServer

/// Orders to links of a mirror that runs between two real regions in this process.
@Suite(.timeLimit(.minutes(2))) struct RunningLinksTests {
    private static let link = "us-east->eu-west"

    private func settings(_ east: Region, _ west: Region, mode: String) throws -> MirrorSettings {
        let text = """
            clusters = us-east, eu-west
            us-east.bootstrap.servers = 127.0.0.1:\(east.port)
            eu-west.bootstrap.servers = 127.0.0.1:\(west.port)
            us-east->eu-west.enabled = true
            us-east->eu-west.topics = orders
            us-east->eu-west.mode = \(mode)
            refresh.topics.interval.seconds = 1
            emit.heartbeats.enabled = false
            """
        return try MirrorSettings.read(PropertiesFile(path: "test", text: text)).settings
    }

    private func start(_ settings: MirrorSettings) throws -> Mirror {
        try Mirror.start(settings, on: MultiThreadedEventLoopGroup.singleton, logger: silent)
    }

    @discardableResult
    private func give(
        _ order: LinkOrder, to link: String = link, in settings: MirrorSettings
    ) async throws -> LinkSettings {
        let orders = LinkOrders(link, in: settings, on: MultiThreadedEventLoopGroup.singleton, logger: silent)
        return try await orders.give(order, reason: "a test").link
    }

    private func awaitState(_ state: LinkState, of link: String = link, _ mirror: Mirror) async throws {
        let labels = [Metric.Label("link", link), Metric.Label("state", state.rawValue)]
        while !mirror.metrics.contains(where: {
            $0.name == "martlet_mirror_link_state" && $0.labels == labels && $0.value == .gauge(1)
        }) {
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    @Test(arguments: ["exact", "compatible"])
    func aPausedLinkReadsNothingAlsoAfterARestart(mode: String) async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 1)
            let original = TopicPartition(topic: "orders", partition: 0)
            let copy = TopicPartition(topic: mode == "exact" ? "orders" : "us-east.orders", partition: 0)
            try await east.produce(numbers(0..<5), to: original)
            let settings = try settings(east, west, mode: mode)
            var mirror = try start(settings)
            try await west.awaitTopic(copy.topic, partitions: 1)
            #expect(try await west.values(5, from: copy) == numbers(0..<5))

            #expect(try await give(.pause, in: settings).state == .paused)
            try await awaitState(.paused, mirror)
            // Nothing works for it any more, so what comes now is not there later either.
            try await east.produce(numbers(5..<9), to: original)
            await mirror.stop()
            mirror = try start(settings)
            try await awaitState(.paused, mirror)
            let end = try await Administrator(west.client).offsets(.latest, of: [copy])[copy]?.offset
            #expect(end == 5)

            #expect(try await give(.resume, in: settings).state == .running)
            #expect(try await west.values(9, from: copy) == numbers(0..<9))
            await mirror.stop()
        }
    }

    @Test func linksAreCreatedChangedAndDeleted() async throws {
        try await withRegions { east, west in
            let back = "eu-west->us-east"
            let settings = try settings(east, west, mode: "exact")
            let mirror = try start(settings)
            try await awaitState(.running, mirror)
            for name in ["back", "more"] { try await Administrator(west.client).createTopic(name, partitions: 1) }
            await #expect(throws: LinkOrder.Refusal.self) { try await give(.pause, to: back, in: settings) }
            let created = try await give(.create(["topics": "back"]), to: back, in: settings)
            #expect(created.state == .running)
            try await east.awaitTopic("eu-west.back", partitions: 1)

            // Two that change the same link at the same moment both have their way.
            async let one = give(.set(["topics": "more"], unset: []), to: back, in: settings)
            async let other = give(.set(["refresh.topics.interval.seconds": "2"], unset: []), to: back, in: settings)
            _ = try await (one, other)
            try await east.awaitTopic("eu-west.more", partitions: 1)
            let decisions = try await DecisionReader.all(east.client).decisions
            #expect(
                decisions.known[back]?.settings
                    == ["enabled": "true", "topics": "more", "refresh.topics.interval.seconds": "2"])

            try await give(.delete, to: back, in: settings)
            try await awaitState(.deleted, of: back, mirror)
            #expect(try await Administrator(east.client).topics()["eu-west.back"] != nil)
            await mirror.stop()
        }
    }

    @Test func whatIsWrongIsNotWritten() async throws {
        try await withRegions { east, west in
            let settings = try settings(east, west, mode: "exact")
            for order in [
                LinkOrder.set(["topics": "("], unset: []), .set(["enabled": "false"], unset: []),
                .set(["tasks.max": "2"], unset: []), .set(["us-east.bootstrap.servers": "x:1"], unset: []),
            ] {
                await #expect(throws: InvalidSettings.self) { try await give(order, in: settings) }
            }
            await #expect(throws: UnknownLink.self) { try await give(.pause, to: "us-east->moon", in: settings) }
            #expect(try await Administrator(west.client).topics()[DecisionReader.topic] == nil)
        }
    }

    @Test func aDecisionThatCannotBeReadStopsTheLink() async throws {
        try await withRegions { east, west in
            let settings = try settings(east, west, mode: "exact")
            let topic = InternalTopic(DecisionReader.topic, in: west.client, replicas: 1)
            try await topic.write([(ByteBuffer(string: Self.link), ByteBuffer(string: "{}"))], unixMilliseconds: 1)
            let mirror = try start(settings)
            try await awaitState(.refused, mirror)
            // An operator's word mends it.
            try await give(.resume, in: settings)
            try await awaitState(.running, mirror)
            await mirror.stop()
        }
    }
}
