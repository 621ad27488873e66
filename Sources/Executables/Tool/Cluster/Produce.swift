import ArgumentParser
import ClusterModel
import KafkaProtocol
import MartletClient
import NIOCore
import Records
import WireCoding

/// `martlet produce`: the lines of standard input as records, with the flags of `kafka-console-producer.sh`.
struct Produce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write the lines of standard input to a topic.")

    /// Lines gathered for a partition before they are sent.
    private static let batchSizeInBytes = 256 << 10

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "The topic.") var topic: String
    @Option(help: "gzip, snappy, lz4, zstd or none.") var compressionCodec = "none"
    @Option(help: "parse.key=true takes what stands before key.separator (a tab) as the key; null.marker=TEXT.")
    var property: [KeyAndValue] = []
    @Option(help: "A producer's setting, such as acks=1; repeat for more.") var producerProperty: [KeyAndValue] = []

    func run() async throws {
        guard let codec = CompressionCodec(name: compressionCodec) else {
            throw ValidationError("--compression-codec \(compressionCodec) is none of none, gzip, snappy, lz4, zstd")
        }
        let properties = producerProperty.dictionary
        var send = RawProduce()
        send.acks = properties["acks"] == "1" ? 1 : -1
        let format = LineFormat(property.dictionary)
        try await cluster.withClient(properties: properties) { client in
            let partitionCount = try await partitionCount(client)
            var partitioner = Partitioner(stickyBytes: Self.batchSizeInBytes)
            var batches: [Int32: RecordBatchBuilder] = [:]
            while let line = readLine() {
                let (key, value) = try format.record(line)
                let partition = partitioner.partition(
                    topic: topic, key: key, size: line.utf8.count, count: partitionCount)
                var batch = batches[partition] ?? RecordBatchBuilder(codec: codec)
                batch.append(timestamp: WallClock.milliseconds(), key: key, value: value)
                if batch.sizeInBytes >= Self.batchSizeInBytes {
                    try await deliver(batch.finish(), to: partition, send, client)
                }
                batches[partition] = batch
            }
            for (partition, var batch) in batches.sorted(by: { $0.key < $1.key }) where !batch.isEmpty {
                try await deliver(batch.finish(), to: partition, send, client)
            }
        }
    }

    /// The topic's partitions; asking for a topic that is not there makes it, where brokers allow that.
    private func partitionCount(_ client: KafkaClient) async throws -> Int32 {
        try await client.retrying {
            var request = MetadataRequest()
            var wanted = MetadataRequest.MetadataRequestTopic()
            wanted.name = topic
            request.topics = [wanted]
            request.allowAutoTopicCreation = true
            let answer = try await client.send(request, to: .any)
            guard let told = answer.topics.first else { throw CommandFailure("no answer about topic \(topic)") }
            try ClientFault.check(told.errorCode, "topic \(topic)")
            return Int32(told.partitions.count)
        }
    }

    private func deliver(
        _ batch: ByteBuffer, to partition: Int32, _ send: RawProduce, _ client: KafkaClient
    ) async throws {
        let place = TopicPartition(topic: topic, partition: partition)
        try await client.retrying {
            let connection = try await client.connection(for: .leader(place))
            for outcome in try await send([(place, .inMemory(batch))], on: connection) {
                try ClientFault.check(outcome.error.rawValue, "\(place)", outcome.message)
            }
        }
    }
}

/// How a line becomes a record (`--property`).
private struct LineFormat {
    private let parsesKey: Bool
    private let separator: String
    private let nullMarker: String?

    init(_ properties: [String: String]) {
        parsesKey = properties["parse.key"] == "true"
        separator = properties["key.separator"] ?? "\t"
        nullMarker = properties["null.marker"]
    }

    func record(_ line: String) throws -> (key: ByteBuffer?, value: ByteBuffer?) {
        guard parsesKey else { return (nil, field(line[...])) }
        guard let found = line.firstRange(of: separator) else {
            throw CommandFailure("no key separator '\(separator)' in the line: \(line)")
        }
        return (field(line[..<found.lowerBound]), field(line[found.upperBound...]))
    }

    private func field(_ text: Substring) -> ByteBuffer? {
        if let nullMarker, text == nullMarker { return nil }
        return ByteBuffer(substring: text)
    }
}
