import BrokerServer
import ClusterModel
import CoordinatorServer
import Foundation
import KafkaProtocol
import Logging
import NIOCore
import NIOPosix
import Records
import Settings
import Testing
import WireCoding

@testable import MartletClient

let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }

/// A coordinator and a broker in this process, in a directory of their own; both can be stopped and started again.
final class Region {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "region-\(UUID().uuidString)")
    private let coordinator: CoordinatorServer
    private var broker: Broker?
    private(set) var port = 0
    private(set) var client: KafkaClient

    init() async throws {
        coordinator = try await CoordinatorServer.start(
            CoordinatorSettings(
                plaintext: .init(host: "127.0.0.1", port: 0), dataDirectory: folder.appending(path: "coordinator").path),
            on: MultiThreadedEventLoopGroup.singleton, logger: silent
        ) { Issue.record("a coordinator failed: \($0)") }
        client = try KafkaClient(ClientSettings(bootstrapServers: []), logger: silent)
        try await startBroker()
        client = try KafkaClient(
            ClientSettings(bootstrapServers: [.init(host: "127.0.0.1", port: port)]), logger: silent)
    }

    func startBroker() async throws {
        let text = """
            listeners=PLAINTEXT://127.0.0.1:\(port)
            zookeeper.connect=127.0.0.1:\(try #require(coordinator.plaintextPort))
            log.dirs=\(folder.appending(path: "broker").path)
            offsets.topic.replication.factor=1
            offsets.topic.num.partitions=2
            group.initial.rebalance.delay.ms=0
            """
        let (settings, _) = try BrokerSettings.read(PropertiesFile(path: "test", text: text))
        let broker = try await Broker.start(
            settings, on: MultiThreadedEventLoopGroup.singleton, logger: silent
        ) { Issue.record("a broker failed: \($0)") }
        port = Int(try #require(broker.endpoints.first).port)
        self.broker = broker
    }

    func stopBroker() async throws {
        try await broker?.stop()
        broker = nil
    }

    func end() async throws {
        await client.close()
        try await stopBroker()
        try await coordinator.stop()
        try FileManager.default.removeItem(at: folder)
    }

    // MARK: As a client

    /// Writes values as one batch.
    func produce(_ values: [String], to partition: TopicPartition, codec: CompressionCodec = .none) async throws {
        var builder = RecordBatchBuilder(codec: codec)
        for value in values {
            builder.append(
                timestamp: 1_700_000_000_000, key: nil, value: ByteBuffer(string: value),
                headers: [RecordHeader(name: "h", value: ByteBuffer(string: value))])
        }
        let batch = builder.finish()
        try await client.retrying {
            let connection = try await client.connection(for: .leader(partition))
            for answer in try await RawProduce()([(partition, .inMemory(batch))], on: connection) {
                try ClientFault.check(answer.error.rawValue, "\(partition)")
            }
        }
    }

    /// Reads from the beginning until `count` records are there.
    func consume(_ count: Int, from partition: TopicPartition) async throws -> [Record] {
        var records: [Record] = []
        while records.count < count {
            records += try await client.retrying {
                let connection = try await client.connection(for: .leader(partition))
                let position = (records.last?.offset ?? -1) + 1
                guard let answer = try await RawFetch()([(partition, position)], on: connection).first else {
                    return []
                }
                try ClientFault.check(answer.error.rawValue, "\(partition)")
                var batches = RecordBatches(answer.records)
                var found: [Record] = []
                while let batch = try batches.next() {
                    try batch.checkCRC()
                    found += try batch.records().filter { $0.offset >= position }
                }
                return found
            }
        }
        return records
    }

    func values(_ count: Int, from partition: TopicPartition) async throws -> [String] {
        try await consume(count, from: partition).map { $0.value.map { String(buffer: $0) } ?? "" }
    }

    /// Waits for a topic with that many partitions.
    func awaitTopic(_ name: String, partitions: Int) async throws {
        while try await client.refreshMetadata(topics: [name]).topics[name]?.partitions.count != partitions {
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// Two regions, which end with the body.
func withRegions(_ body: (Region, Region) async throws -> Void) async throws {
    let east = try await Region()
    let west = try await Region()
    try await body(east, west)
    try await east.end()
    try await west.end()
}

func numbers(_ range: Range<Int>) -> [String] { range.map { "\($0)" } }
