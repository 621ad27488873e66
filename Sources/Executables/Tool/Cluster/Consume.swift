import ArgumentParser
import ClusterModel
import KafkaProtocol
import MartletClient
import NIOCore
import Records
import WireCoding

/// `martlet consume`: a topic's records as lines on standard output, with the flags of `kafka-console-consumer.sh`.
struct Consume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the records of a topic.")

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "The topic.") var topic: String
    @Option(help: "Only this partition.") var partition: Int32?
    @Option(help: "With --partition: where to begin, an offset, earliest or latest.") var offset: String?
    @Flag(help: "Begin with the first record instead of the next one.") var fromBeginning = false
    @Option(help: "End after so many records.") var maxMessages: Int?
    @Option(help: "End when no record has come for so many milliseconds.") var timeoutMs: Int64?
    @Option(help: "read_committed or read_uncommitted.") var isolationLevel = "read_uncommitted"
    @Option(
        help: """
            print.key, print.value, print.timestamp, print.partition, print.offset, print.headers = true or false; \
            key.separator, line.separator.
            """)
    var property: [KeyAndValue] = []

    func run() async throws {
        let format = RecordFormat(property.dictionary)
        var fetch = RawFetch()
        fetch.readsCommitted = isolationLevel == "read_committed"
        try await cluster.withClient { client in try await print(client, fetch, format) }
        FileOutput.standardError("Processed a total of \(format.count) messages\n")
    }

    private func print(_ client: KafkaClient, _ fetch: RawFetch, _ format: RecordFormat) async throws {
        var positions = try await begin(client)
        var printed = 0
        var lastRecord = ContinuousClock.now
        while printed < maxMessages ?? .max {
            if let timeoutMs, lastRecord.duration(to: .now) > .milliseconds(timeoutMs) { return }
            let before = printed
            for one in try await fetched(positions, fetch, client) {
                positions[one.partition] = try output(
                    one, from: positions[one.partition] ?? 0, format, printed: &printed)
            }
            if printed > before {
                lastRecord = .now
                format.flush()
            }
        }
    }

    /// What the leaders of all partitions have from the positions on.
    private func fetched(
        _ positions: [TopicPartition: Offset], _ fetch: RawFetch, _ client: KafkaClient
    ) async throws -> [RawFetch.Partition] {
        var found: [RawFetch.Partition] = []
        for (leader, mine) in try await byLeader(positions, client) {
            found += try await client.retrying {
                try await fetch(mine, on: try await client.connection(to: leader))
            }
        }
        for one in found { try check(one) }
        return found
    }

    // Inlined into the loop that calls it, it crashes Swift 6.3.1's optimizer.
    @inline(never)
    private func check(_ found: RawFetch.Partition) throws {
        guard found.error != .offsetOutOfRange else {
            throw CommandFailure("\(found.partition) has no such offset: its first is \(found.logStart)")
        }
        if found.error.isRetriable { return }
        try ClientFault.check(found.error.rawValue, "\(found.partition)")
    }

    /// Where to begin in each partition.
    private func begin(_ client: KafkaClient) async throws -> [TopicPartition: Offset] {
        let administrator = Administrator(client)
        guard let found = try await administrator.topics([topic])[topic] else {
            throw CommandFailure("topic '\(topic)' does not exist")
        }
        var wanted = found.partitions.map { TopicPartition(topic: topic, partition: $0.index) }
        if let partition { wanted.removeAll { $0.partition != partition } }
        guard !wanted.isEmpty else { throw CommandFailure("topic '\(topic)' has no partition \(partition ?? 0)") }
        if let offset, let number = Offset(offset) {
            return Dictionary(uniqueKeysWithValues: wanted.map { ($0, number) })
        }
        let isFromStart = fromBeginning || offset == "earliest"
        return try await administrator.offsets(isFromStart ? .earliest : .latest, of: wanted).mapValues(\.offset)
    }

    private func byLeader(
        _ positions: [TopicPartition: Offset], _ client: KafkaClient
    ) async throws -> [(BrokerID, [(partition: TopicPartition, offset: Offset)])] {
        try await client.retrying {
            var groups: [BrokerID: [(partition: TopicPartition, offset: Offset)]] = [:]
            for (partition, offset) in positions.sorted(by: { $0.key < $1.key }) {
                groups[try await client.leader(of: partition), default: []].append((partition, offset))
            }
            return groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }

    /// Prints what was found from `offset` on. Returns where to go on.
    private func output(
        _ found: RawFetch.Partition, from offset: Offset, _ format: RecordFormat, printed: inout Int
    ) throws -> Offset {
        var next = offset
        var batches = RecordBatches(found.records)
        while let batch = try batches.next() {
            if !batch.header.attributes.isControl {
                var records = try RecordIterator(batch)
                while let record = try records.next() {
                    if record.offset < offset { continue }
                    if let maxMessages, printed >= maxMessages { return next }
                    format.write(record, of: batch.header, found.partition.partition)
                    printed += 1
                    next = record.offset + 1
                }
            }
            next = max(next, batch.header.nextOffset)
        }
        return next
    }
}
