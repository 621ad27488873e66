import ArgumentParser
import ClusterModel
import KafkaProtocol
import MartletClient
import NIOCore
import Records

/// `martlet perf consume`: how fast records come, with the flags of `kafka-consumer-perf-test.sh`.
///
/// Batches are counted by their headers and not decoded.
struct PerfConsume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Consume records and measure throughput.")

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "The topic.") var topic: String
    @Option(help: "How many records to read.") var messages: Int
    @Option(help: "Bytes of a partition in one answer, at most.") var fetchSize: Int32 = 1 << 20
    @Flag(help: "Begin behind the last record instead of with the first.") var fromLatest = false
    @Option(help: "Give up when no record has come for so many milliseconds.") var timeout: Int64 = 10_000
    @Flag(help: "Leave out the line that names the columns.") var hideHeader = false

    func run() async throws {
        let began = WallClock.milliseconds()
        let (records, bytes) = try await cluster.withClient { client in
            let administrator = Administrator(client)
            guard let found = try await administrator.topics([topic])[topic] else {
                throw CommandFailure("topic '\(topic)' does not exist")
            }
            let partitions = found.partitions.map { TopicPartition(topic: topic, partition: $0.index) }
            let starts = try await administrator.offsets(fromLatest ? .latest : .earliest, of: partitions)
            return try await read(from: starts.mapValues(\.offset), client)
        }
        report(records, bytes, began: began, ended: WallClock.milliseconds())
        if records < messages {
            throw CommandFailure("only \(records) of \(messages) records came within \(timeout) ms of the one before")
        }
    }

    private func read(from starts: [TopicPartition: Offset], _ client: KafkaClient) async throws -> (Int, Int) {
        var positions = starts
        var records = 0
        var bytes = 0
        var fetch = RawFetch()
        fetch.maximumBytesPerPartition = fetchSize
        var lastRecord = ContinuousClock.now
        while records < messages, lastRecord.duration(to: .now) < .milliseconds(timeout) {
            for (leader, mine) in try await byLeader(positions, client) {
                for found in try await fetch(mine, on: try await client.connection(to: leader)) {
                    try ClientFault.check(found.error.rawValue, "\(found.partition)")
                    var batches = RecordBatches(found.records)
                    while let batch = try batches.next() {
                        // The first batch may begin before the position.
                        let position = positions[found.partition] ?? 0
                        records += min(Int(batch.header.recordCount), Int(batch.header.nextOffset - position))
                        bytes += batch.header.sizeInBytes
                        positions[found.partition] = batch.header.nextOffset
                        lastRecord = .now
                    }
                }
            }
        }
        return (records, bytes)
    }

    private func byLeader(
        _ positions: [TopicPartition: Offset], _ client: KafkaClient
    ) async throws -> [(BrokerID, [(partition: TopicPartition, offset: Offset)])] {
        var groups: [BrokerID: [(partition: TopicPartition, offset: Offset)]] = [:]
        for (partition, offset) in positions.sorted(by: { $0.key < $1.key }) {
            groups[try await client.leader(of: partition), default: []].append((partition, offset))
        }
        return groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private func report(_ records: Int, _ bytes: Int, began: Int64, ended: Int64) {
        let seconds = max(0.001, Double(ended - began) / 1000)
        let megabytes = Double(bytes) / Double(1 << 20)
        if !hideHeader {
            print("start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec")
        }
        print(
            "\(began), \(ended), \(Figure.text(megabytes, places: 4)), "
                + "\(Figure.text(megabytes / seconds, places: 4)), \(records), "
                + Figure.text(Double(records) / seconds, places: 4))
    }
}
