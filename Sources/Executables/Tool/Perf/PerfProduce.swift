import ArgumentParser
import ClusterModel
import MartletClient
import NIOCore
import Records
import Synchronization
import WireCoding

/// `martlet perf produce`: records a second and their latency, with the flags of `kafka-producer-perf-test.sh`.
///
/// Batches are made once and sent as they are, so that the client costs little and the broker is what is measured.
struct PerfProduce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "produce", abstract: "Produce records and measure throughput and latency.")

    /// With acks=0 nothing but this holds the sender back.
    private static let unsentBound = 8 << 20

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "The topic, which has to exist.") var topic: String
    @Option(help: "How many records.") var numRecords: Int
    @Option(help: "Bytes of each record's value.") var recordSize = 1024
    // Unconditional: "-1" looks like a flag.
    @Option(parsing: .unconditional, help: "Records a second at most; -1 for no limit.") var throughput = -1
    @Option(
        parsing: .upToNextOption,
        help: "Settings as key=value: acks, batch.size, compression.type, max.in.flight.requests.per.connection, ...")
    var producerProps: [KeyAndValue] = []

    func validate() throws {
        guard numRecords > 0, (0...100 << 20).contains(recordSize), throughput != 0 else {
            throw ValidationError("--num-records and --throughput have to be positive, --record-size not negative")
        }
    }

    func run() async throws {
        let texts = try cluster.texts(producerProps.dictionary)
        guard let codec = CompressionCodec(name: texts["compression.type"] ?? "none") else {
            throw ValidationError("compression.type is none of none, gzip, snappy, lz4, zstd")
        }
        let batch = try PerfBatch(
            recordSize: recordSize, batchSize: try number(texts, "batch.size", 16_384), codec: codec,
            atMost: throughput > 0 ? max(1, throughput / 100) : numRecords)
        let acknowledged: Int16 = ["0": 0, "1": 1][texts["acks"] ?? "all"] ?? -1
        let inFlight = try number(texts, "max.in.flight.requests.per.connection", 5)
        try await cluster.withClient(properties: producerProps.dictionary) { client in
            guard let found = try await Administrator(client).topics([topic])[topic] else {
                throw CommandFailure("topic '\(topic)' does not exist")
            }
            let work = PerfWork(records: numRecords, perSecond: throughput)
            var placed: [BrokerID: [TopicPartition]] = [:]
            for index in found.partitions.map(\.index) {
                let partition = TopicPartition(topic: topic, partition: index)
                placed[try await client.leader(of: partition), default: []].append(partition)
            }
            let began = ContinuousClock.now
            let latencies = try await withThrowingTaskGroup(of: LatencyRecord.self) { group in
                for (leader, partitions) in placed {
                    for worker in 0..<inFlight {
                        group.addTask {
                            try await send(
                                batch, to: partitions, of: leader, from: worker, acks: acknowledged, work, client)
                        }
                    }
                }
                return try await group.reduce(into: LatencyRecord()) { $0.add($1) }
            }
            report(latencies, began.duration(to: .now) / .seconds(1))
        }
    }

    private func number(_ texts: [String: String], _ key: String, _ standard: Int) throws -> Int {
        guard let text = texts[key] else { return standard }
        guard let value = Int(text), value > 0 else { throw CommandFailure("\(key)=\(text) is no positive number") }
        return value
    }

    /// Sends requests to one broker until all work is done, each when the one before is answered: as a producer does, with
    /// a batch for each partition that the broker leads, or, at a given rate, with one for one of them.
    private func send(
        _ batch: PerfBatch, to partitions: [TopicPartition], of leader: BrokerID, from worker: Int, acks: Int16,
        _ work: PerfWork, _ client: KafkaClient
    ) async throws -> LatencyRecord {
        var produce = RawProduce()
        produce.acks = acks
        var latencies = LatencyRecord()
        var turn = worker
        while true {
            var parts: [(TopicPartition, RecordBytes)] = []
            var count = 0
            while parts.count < partitions.count, let share = work.take(batch.recordCount) {
                if let due = share.due { try await Task.sleep(until: due, clock: .continuous) }
                let batch = share.count == batch.recordCount ? batch : try batch.shortened(to: share.count)
                parts.append((partitions[turn % partitions.count], .inMemory(batch.stamped(WallClock.milliseconds()))))
                turn += 1
                count += share.count
                if share.due != nil { break }
            }
            guard !parts.isEmpty else { return latencies }
            let began = ContinuousClock.now
            let connection = try await client.connection(to: leader)
            if acks == 0 {
                while connection.unsentBytes > Self.unsentBound { try await Task.sleep(for: .milliseconds(1)) }
                try produce.withoutAnswer(parts, on: connection)
            } else {
                for outcome in try await produce(parts, on: connection) {
                    try ClientFault.check(outcome.error.rawValue, "\(outcome.partition)", outcome.message)
                }
            }
            latencies.add(milliseconds: began.duration(to: .now) / .milliseconds(1), count: count)
        }
    }

    private func report(_ latencies: LatencyRecord, _ seconds: Double) {
        let megabytes = Double(latencies.count) * Double(recordSize) / Double(1 << 20)
        let percentiles = latencies.percentiles([0.5, 0.95, 0.99, 0.999])
        let named = zip(percentiles, ["50th", "95th", "99th", "99.9th"]).map { value, name in
            "\(Figure.text(value, places: 1)) ms \(name)"
        }
        print(
            "\(latencies.count) records sent, "
                + "\(Figure.text(Double(latencies.count) / seconds, places: 1)) records/sec "
                + "(\(Figure.text(megabytes / seconds, places: 2)) MB/sec), "
                + "\(Figure.text(latencies.averageInMilliseconds, places: 2)) ms avg latency, "
                + "\(Figure.text(latencies.maximumInMilliseconds, places: 2)) ms max latency, "
                + named.joined(separator: ", ") + ".")
    }
}

/// Records that are still to be sent, handed out to those who send them, no faster than asked for.
final class PerfWork: Sendable {
    private struct State {
        var left: Int
        var handedOut = 0
    }

    private let state: Mutex<State>
    private let perSecond: Int
    private let began = ContinuousClock.now

    /// - Parameter perSecond: not positive for no limit.
    init(records: Int, perSecond: Int) {
        state = Mutex(State(left: records))
        self.perSecond = perSecond
    }

    /// Takes up to `count` records; nil when none are left. They may be sent at `due`, or now.
    func take(_ count: Int) -> (count: Int, due: ContinuousClock.Instant?)? {
        state.withLock { state in
            guard state.left > 0 else { return nil }
            let share = min(count, state.left)
            let due = perSecond > 0 ? began + .seconds(Double(state.handedOut) / Double(perSecond)) : nil
            state.left -= share
            state.handedOut += share
            return (share, due)
        }
    }
}
