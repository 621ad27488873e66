import ClusterModel
import MartletClient
import Mirroring
import NIOPosix
import Settings
import Telemetry
import Testing

@testable import MirrorServer

/// Several mirrors with one configuration, between two real regions in this process.
@Suite(.timeLimit(.minutes(2))) struct SharedMirrorTests {
    private static let partitions = (0..<6).map { TopicPartition(topic: "orders", partition: $0) }

    private func start(_ east: Region, _ west: Region, mode: String, isShared: Bool = true) throws -> Mirror {
        let text = """
            clusters = us-east, eu-west
            us-east.bootstrap.servers = 127.0.0.1:\(east.port)
            eu-west.bootstrap.servers = 127.0.0.1:\(west.port)
            us-east->eu-west.enabled = true
            us-east->eu-west.mode = \(mode)
            us-east->eu-west.topics = orders.*
            refresh.topics.interval.seconds = 1
            emit.heartbeats.enabled = false
            mirror.sharing.enabled = \(isShared)
            """
        let settings = try MirrorSettings.read(PropertiesFile(path: "test", text: text)).settings
        return try Mirror.start(settings, on: MultiThreadedEventLoopGroup.singleton, logger: silent)
    }

    /// What the mirror says of the link to eu-west; nil before it says anything.
    private func figure(_ name: String, _ mirror: Mirror) -> Double? {
        let metric = mirror.metrics.first {
            $0.name == "martlet_mirror_\(name)"
                && $0.labels.contains { $0.name == "link" && $0.value == "us-east->eu-west" }
        }
        guard case .gauge(let number)? = metric?.value else { return nil }
        return number
    }

    private func awaitOwned(_ counts: [Double?], _ mirrors: [Mirror]) async throws {
        while mirrors.map({ figure("owned_partitions", $0) }) != counts {
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func awaitMirrored(_ count: Offset, as topic: String, _ west: Region) async throws {
        let places = Self.partitions.map { TopicPartition(topic: topic, partition: $0.partition) }
        while true {
            let ends = try await Administrator(west.client).offsets(.latest, of: places)
            if ends.values.reduce(0, { $0 + $1.offset }) >= count { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        let ends = try await Administrator(west.client).offsets(.latest, of: places)
        #expect(ends.values.reduce(0) { $0 + $1.offset } == count)
    }

    @Test(arguments: ["exact", "compatible"]) func twoShareAndOneTakesOver(mode: String) async throws {
        try await withRegions { east, west in
            let remote = mode == "exact" ? "orders" : "us-east.orders"
            try await Administrator(east.client).createTopic("orders", partitions: 6)
            for partition in Self.partitions { try await east.produce(numbers(0..<10), to: partition) }
            let first = try start(east, west, mode: mode)
            try await west.awaitTopic(remote, partitions: 6)
            try await awaitMirrored(60, as: remote, west)
            try await awaitOwned([6], [first])

            let second = try start(east, west, mode: mode)
            try await awaitOwned([3, 3], [first, second])
            #expect(figure("members", first) == 2 && figure("members", second) == 2)
            #expect(figure("has_duties", first) == 1 && figure("has_duties", second) == 0)
            for partition in Self.partitions { try await east.produce(numbers(10..<20), to: partition) }
            try await awaitMirrored(120, as: remote, west)

            // Who leaves says so: the other goes on at once, and does what is done once for a link.
            await first.stop()
            try await awaitOwned([6], [second])
            for partition in Self.partitions { try await east.produce(numbers(20..<30), to: partition) }
            try await awaitMirrored(180, as: remote, west)
            #expect(figure("has_duties", second) == 1)
            try await Administrator(east.client).createTopic("orders-too", partitions: 1)
            try await west.awaitTopic(mode == "exact" ? "orders-too" : "us-east.orders-too", partitions: 1)
            try await awaitOwned([7], [second])
            await second.stop()
            for partition in Self.partitions {
                let place = TopicPartition(topic: remote, partition: partition.partition)
                #expect(try await west.values(30, from: place) == numbers(0..<30))
            }
        }
    }

    @Test func whatIsNotSharedIsBroughtByEach() async throws {
        try await withRegions { east, west in
            try await Administrator(east.client).createTopic("orders", partitions: 6)
            let mirrors = try (0..<2).map { _ in
                try start(east, west, mode: "exact", isShared: false)
            }
            for partition in Self.partitions { try await east.produce(numbers(0..<10), to: partition) }
            try await west.awaitTopic("orders", partitions: 6)
            try await awaitMirrored(60, as: "orders", west)
            #expect(figure("members", mirrors[0]) == nil)
            for mirror in mirrors { await mirror.stop() }
        }
    }

    @Test func whoeverTakesASeatHasItAlone() {
        let configuration = "\(UInt64.random(in: 0 ... .max))"
        let names = (0..<3).map { _ in MemberSeat.take(nil, configuration: configuration).name }
        #expect(Set(names).count == 3 && names.map { $0.last } == ["0", "1", "2"])
        #expect(MemberSeat.take("mine", configuration: configuration).name == "mine")
        #expect(MemberSeat.take("mine", configuration: configuration).another().name.hasPrefix("mine-"))
    }

    @Test func aLeaseThatHasEndedStaysSo() async throws {
        let lease = WriteLease()
        #expect(lease.isHeld)
        lease.extend(to: .now + .seconds(60))
        #expect(lease.isHeld)
        lease.end()
        lease.extend(to: .now + .seconds(60))
        #expect(!lease.isHeld)
        lease.begin(until: .now - .seconds(1))
        #expect(!lease.isHeld)
        lease.extend(to: .now + .seconds(60))
        #expect(!lease.isHeld, "what was read under the old one is not sent under the next")
        lease.begin(until: nil)
        #expect(lease.isHeld)
    }
}
