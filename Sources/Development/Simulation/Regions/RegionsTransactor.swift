import ClusterModel
import KafkaProtocol
import KafkaProtocolTransactions
import NIOCore
import Records
import Seams

/// A transactional producer of one partition, with the coordinator that ends its transactions. When the home moves it
/// gives up the one under way, as its successor at the other home would.
///
/// Each transaction has an epoch of its own (KIP-890), two above the last: what is still on its way of that one, or of a
/// tool that ended it with the next epoch, is refused.
final class RegionsTransactor {
    /// What is known of how a transaction ended.
    enum Outcome: Equatable {
        case open, aborted
        /// Acknowledged in a region, with a marker at that offset, when the home was there.
        case committed(region: String, marker: Offset, home: RegionsOracle.Home?)
        /// Its end was asked for, and nobody has said what became of it.
        case uncertain
    }

    struct Transaction {
        /// What was acknowledged.
        var values: [String] = []
        var outcome = Outcome.open
    }

    let partition: TopicPartition
    private let process: SimulatedProcess
    private let regions: [Region]
    private let oracle: RegionsOracle
    private var producerID: ProducerID { ProducerID(2_000_000 + process.client) }
    private var epoch: Int16 = 0
    private var sequence: Int32 = 0
    private var sentCount = 0
    private(set) var transactions: [Transaction] = []
    var isQuiet = false
    private(set) var lastSuccess = Instant(nanoseconds: 0, unixMilliseconds: 0)

    init(_ partition: TopicPartition, regions: [Region], _ oracle: RegionsOracle, as process: SimulatedProcess) {
        self.partition = partition
        self.regions = regions
        self.oracle = oracle
        self.process = process
    }

    private var home: Region? {
        let name = oracle.homes[partition.topic]?.region
        return regions.first { $0.name == name }
    }

    func run() {
        process.begin { [self] in
            while process.isRunning {
                if !isQuiet, let home { await live(at: home) }
                _ = await process.attempt("transactions") { try await process.sleep(50...600) }
            }
        }
    }

    /// One transaction in one region.
    private func live(at region: Region) async {
        transactions.append(Transaction())
        let now = transactions.count - 1
        for _ in 0..<Int.random(in: 1...3, using: &process.random) {
            let value = "transaction-\(now)-\(sentCount)"
            sentCount += 1
            guard await isDone(at: region, { try await self.send(value, to: region) }) else {
                return await giveUp(now)
            }
            transactions[now].values.append(value)
            _ = await process.attempt("transactions") { try await process.sleep(20...500) }
        }
        let isCommit = Int.random(in: 0..<3, using: &process.random) > 0
        transactions[now].outcome = .uncertain
        let isEnded = await isDone(at: region) { try await self.end(isCommit: isCommit, in: region) }
        guard isEnded else {
            // An abort that is not known to have happened is none the less no commit.
            if !isCommit { transactions[now].outcome = .aborted }
            return await giveUp(nil)
        }
        var marker: Offset?
        _ = await process.attempt("transactions") { if isCommit { marker = try lastMarker(in: region) } }
        transactions[now].outcome =
            !isCommit
            ? .aborted
            : marker.map {
                .committed(region: region.name, marker: $0, home: oracle.homes[partition.topic])
            } ?? .uncertain
        raiseEpoch()
        lastSuccess = process.chronicle.now
    }

    /// Whoever goes on with the transactional id, at whatever home there is, aborts what is open with a later epoch.
    private func giveUp(_ transaction: Int?) async {
        if let transaction { transactions[transaction].outcome = .aborted }
        raiseEpoch()
        _ = await process.untilDone("giving up a transaction") {
            guard let home else { throw SimulatedProcess.Fault.nobody }
            try await end(isCommit: false, in: home)
        }
        raiseEpoch()
        process.chronicle.count("transactions given up")
    }

    private func raiseEpoch() {
        epoch += 2
        sequence = 0
    }

    /// Tries until it is done, or until the region will not have it.
    private func isDone(at region: Region, _ body: () async throws -> Void) async -> Bool {
        while process.isRunning {
            do {
                try await body()
                return true
            } catch SimulatedProcess.Fault.refused(let code, _)
                where [.invalidRequest, .invalidProducerEpoch, .outOfOrderSequenceNumber].contains(code)
            {
                return false
            } catch {
                process.chronicle.note("transactions: \(error)")
                if home !== region { return false }
                _ = await process.attempt("transactions") { try await process.sleep(50...400) }
            }
        }
        return false
    }

    private func send(_ value: String, to region: Region) async throws {
        var builder = RecordBatchBuilder()
        builder.attributes.isTransactional = true
        builder.producerID = producerID
        builder.producerEpoch = epoch
        builder.baseSequence = sequence
        builder.append(timestamp: process.chronicle.now.unixMilliseconds, key: nil, value: ByteBuffer(string: value))
        let offset = try await process.produce(builder.finish(), to: partition, in: region)
        process.chronicle.note("\(region.name) acknowledges \(value) at \(offset) of \(partition), in a transaction")
        sequence += 1
    }

    private func end(isCommit: Bool, in region: Region) async throws {
        var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
        topic.name = partition.topic
        topic.partitionIndexes = [partition.partition]
        var marker = WriteTxnMarkersRequest.WritableTxnMarker()
        marker.producerId = producerID
        marker.producerEpoch = epoch
        marker.transactionResult = isCommit
        marker.topics = [topic]
        var request = WriteTxnMarkersRequest()
        request.markers = [marker]
        let leader = try region.leader(of: partition, for: process)
        for marker in try await process.ask(request, version: 1, to: leader, in: region).markers {
            for topic in marker.topics { for told in topic.partitions { try process.check(told.errorCode) } }
        }
        process.chronicle.note("\(region.name) has ended a transaction of \(partition): \(isCommit)")
    }

    /// Where the last committed marker stands; nil when nobody is there to show it.
    private func lastMarker(in region: Region) throws -> Offset? {
        let logs = region.world.brokers.compactMap { $0.kernel?.partitions[partition]?.log }
        guard let log = logs.max(by: { $0.highWatermark < $1.highWatermark }) else { return nil }
        return try log.batches(log.logStartOffset..<log.highWatermark).last {
            $0.header.attributes.isControl && $0.header.producerID == producerID
        }?.header.baseOffset
    }
}
