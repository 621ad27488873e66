import ClusterModel
import KafkaProtocol
import NIOCore
import Records
import Seams

/// An idempotent producer of one partition. It sends a batch again until it is acknowledged, to the other region when one
/// says that the home is not there.
final class RegionsProducer {
    struct Acknowledged {
        var value: String
        var offset: Offset
        var region: String
        /// Whether the topic's writers were waiting for the other region then.
        var isInBoth: Bool
    }

    let partition: TopicPartition
    /// Whether what it writes may be lost, and it stays where it is.
    let isBound: Bool
    private let process: SimulatedProcess
    private let regions: [Region]
    private let oracle: RegionsOracle
    private var place = 0
    /// Rises where a lost home has taken the sequence with it (KIP-360).
    private var epoch: Int16 = 0
    private var sequence: Int32 = 0
    private var batch: [String] = []
    private var sentCount = 0
    /// Refusals in a row that say that batches before this one are missing.
    private var missingCount = 0
    private var lastLost = 0
    /// Whether a region has acknowledged something that is not the home any more: what it says is lost with it.
    private var isAstray = false
    /// How often its home was lost.
    var lostCount = 0
    var isQuiet = false
    /// Whether writers of its topic in a region wait for the other one now, and have for a while.
    var isInBoth: (_ region: String) -> Bool = { _ in false }
    private(set) var acknowledged: [Acknowledged] = []
    /// What was sent with a later epoch as well, for nobody has said what became of it: nothing keeps both from being there.
    private(set) var sentTwice: Set<String> = []
    private(set) var lastSuccess = Instant(nanoseconds: 0, unixMilliseconds: 0)

    init(
        _ partition: TopicPartition, isBound: Bool, regions: [Region], _ oracle: RegionsOracle,
        as process: SimulatedProcess
    ) {
        self.partition = partition
        self.isBound = isBound
        self.regions = regions
        self.oracle = oracle
        self.process = process
    }

    func run() {
        process.begin { [self] in
            while process.isRunning {
                _ = await process.attempt("client \(process.client)") { try await produce() }
                _ = await process.attempt("client") { try await process.sleep(10...400) }
            }
        }
    }

    private var home: String? { oracle.homes[partition.topic]?.region }

    /// Somebody has said where the home is now.
    func go(to region: Region) { place = regions.firstIndex { $0 === region } ?? place }

    private func produce() async throws {
        if batch.isEmpty {
            if isQuiet { return }
            for _ in 0..<Int.random(in: 1...4, using: &process.random) {
                batch.append("\(process.client)-\(sentCount)")
                sentCount += 1
            }
        }
        let region = regions[place]
        do {
            let offset = try await process.produce(encoded(), to: partition, in: region)
            acknowledge(at: offset, region.name)
        } catch SimulatedProcess.Fault.refused(.outOfOrderSequenceNumber, let message) {
            try takeMissing(in: region, message)
        } catch SimulatedProcess.Fault.refused(.invalidRequest, let message) where !isBound {
            // It is no home (any more).
            place = 1 - place
            throw SimulatedProcess.Fault.notYet(message)
        } catch {
            // Who hears nothing for long asks where the home is.
            if !isBound, Int.random(in: 0..<12, using: &process.random) == 0 {
                place = regions.firstIndex { $0.name == home } ?? place
            }
            throw error
        }
    }

    private func encoded() -> ByteBuffer {
        var builder = RecordBatchBuilder()
        builder.producerID = ProducerID(1_000_000 + process.client)
        builder.producerEpoch = epoch
        builder.baseSequence = sequence
        for value in batch {
            builder.append(
                timestamp: process.chronicle.now.unixMilliseconds, key: nil, value: ByteBuffer(string: value))
        }
        return builder.finish()
    }

    private func acknowledge(at offset: Offset, _ region: String) {
        process.chronicle.note("\(region) acknowledges \(batch) at \(offset) of \(partition)")
        for (delta, value) in batch.enumerated() {
            acknowledged.append(
                Acknowledged(value: value, offset: offset + Offset(delta), region: region, isInBoth: isInBoth(region)))
        }
        if region != home { isAstray = true }
        sequence += Int32(batch.count)
        batch = []
        missingCount = 0
        lastSuccess = process.chronicle.now
    }

    /// Batches before this one are not there. That may be only where they were lost with a home, and not at one that is
    /// deposed and does not know it.
    private func takeMissing(in region: Region, _ message: String) throws {
        missingCount += 1
        guard missingCount > 3 else { throw SimulatedProcess.Fault.notYet(message) }
        missingCount = 0
        if region.name == home {
            if lostCount == lastLost, !isAstray, !isBound {
                process.chronicle.violate("\(partition) has forgotten what client \(process.client) was told")
            }
            lastLost = lostCount
            isAstray = false
        }
        sentTwice.formUnion(batch)
        epoch += 1
        sequence = 0
        throw SimulatedProcess.Fault.notYet(message)
    }
}
