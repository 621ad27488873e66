import ArgumentParser
import ClusterModel
import MartletClient
import NIOCore
import Records
import WireCoding

/// `martlet perf end-to-end`: from a record's production to its arrival, one after the other or at a fixed rate.
struct PerfEndToEnd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "end-to-end", abstract: "Measure the time from producing a record to receiving it.")

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "The topic, which has to exist; its first partition is used.") var topic: String
    @Option(help: "How many records.") var numRecords = 10_000
    @Option(help: "Bytes of each record's value.") var recordSize = 1024
    @Option(help: "1 or all.") var producerAcks = "1"
    @Option(parsing: .unconditional, help: "Records a second; -1 sends the next one when the one before has arrived.")
    var throughput = -1

    func run() async throws {
        let place = TopicPartition(topic: topic, partition: 0)
        let batch = try PerfBatch(recordSize: recordSize, batchSize: 1, codec: .none)
        let latencies = try await cluster.withClient { client in
            guard let start = try await Administrator(client).offsets(.latest, of: [place])[place]?.offset else {
                throw CommandFailure("topic '\(topic)' does not exist")
            }
            // A fetch that waits must not stand before a produce on the same connection.
            return try await cluster.withClient { reader in
                let sent = SentTimes()
                let (arrivals, arrived) = AsyncStream<Void>.makeStream()
                async let reading = read(place, from: start, sent, arrived, reader)
                try await write(batch, to: place, sent, arrivals, client)
                return try await reading
            }
        }
        report(latencies)
    }

    private func write(
        _ batch: PerfBatch, to place: TopicPartition, _ sent: SentTimes, _ arrivals: AsyncStream<Void>,
        _ client: KafkaClient
    ) async throws {
        var produce = RawProduce()
        produce.acks = producerAcks == "1" ? 1 : -1
        let work = PerfWork(records: numRecords, perSecond: throughput)
        var waiting = arrivals.makeAsyncIterator()
        while let share = work.take(1) {
            if let due = share.due { try await Task.sleep(until: due, clock: .continuous) }
            let connection = try await client.connection(for: .leader(place))
            let bytes = batch.stamped(WallClock.milliseconds())
            sent.append(.now)
            if throughput > 0 {
                produce([(place, .inMemory(bytes))], on: connection) { outcome in
                    if case .failure(let fault) = outcome { FileOutput.standardError("\(fault)\n") }
                }
            } else {
                for outcome in try await produce([(place, .inMemory(bytes))], on: connection) {
                    try ClientFault.check(outcome.error.rawValue, "\(place)", outcome.message)
                }
                _ = await waiting.next()
            }
        }
    }

    private func read(
        _ place: TopicPartition, from start: Offset, _ sent: SentTimes, _ arrived: AsyncStream<Void>.Continuation,
        _ client: KafkaClient
    ) async throws -> LatencyRecord {
        var latencies = LatencyRecord()
        var position = start
        let fetch = RawFetch()
        let connection = try await client.connection(for: .leader(place))
        while latencies.count < numRecords {
            for found in try await fetch([(place, position)], on: connection) {
                try ClientFault.check(found.error.rawValue, "\(place)")
                let now = ContinuousClock.now
                var batches = RecordBatches(found.records)
                while let batch = try batches.next() {
                    let began = sent.time(of: Int(batch.header.baseOffset - start))
                    latencies.add(milliseconds: began.duration(to: now) / .milliseconds(1))
                    position = batch.header.nextOffset
                    arrived.yield()
                }
            }
        }
        return latencies
    }

    private func report(_ latencies: LatencyRecord) {
        let names = ["50th", "99th", "99.9th"]
        let percentiles = zip(names, latencies.percentiles([0.5, 0.99, 0.999])).map { name, value in
            "\(name) = \(Figure.text(value, places: 3))"
        }
        print("Avg latency: \(Figure.text(latencies.averageInMilliseconds, places: 4)) ms")
        print("Percentiles (ms): " + percentiles.joined(separator: ", "))
    }
}
