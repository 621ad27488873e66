import ClusterModel
import Controller
import Mirroring
import Records

/// Keeps what only the old home of a topic has, as MirrorServer's quarantine does.
struct SimulatedQuarantine {
    private let place: TopicPartition
    private let region: Region
    private let process: SimulatedProcess
    /// Up to where records of each partition are kept already, by a return that was killed: these are never written again.
    private var kept: [Int32: Offset] = [:]

    /// Makes the topic, or finds out what is kept in it.
    /// - Parameter homeEpoch: of the home that does not have the records.
    init(of topic: String, homeEpoch: Int32, in region: Region, by process: SimulatedProcess) async throws {
        place = TopicPartition(topic: QuarantineRecords.topic(of: topic, homeEpoch: homeEpoch), partition: 0)
        self.region = region
        self.process = process
        if region.world.tree.image.topics[place.topic] == nil {
            let isMade = region.world.make(
                .createTopic(
                    name: place.topic, id: .random(using: &process.random),
                    assignment: [region.world.brokers.map(\.id)], configs: ["min.insync.replicas": "2"]))
            guard isMade else { throw SimulatedProcess.Fault.notYet("\(place.topic) cannot be made") }
        }
        guard let id = region.world.tree.image.topics[place.topic]?.id else { throw SimulatedProcess.Fault.nobody }
        var next: Offset = 0
        while let batches = try await process.read(place, id, from: next, bytes: 4000, in: region) {
            for record in try batches.flatMap(Self.records) {
                guard let (partition, offset) = record.quarantinedPlace else { continue }
                kept[partition] = max(kept[partition] ?? 0, offset + 1)
            }
            next = batches.last?.header.nextOffset ?? next
        }
        if !kept.isEmpty { process.chronicle.count("returns that found records in quarantine") }
    }

    /// Copies what stands in `range` and is not kept yet.
    /// - Parameter leaderEpoch: in which the partition was found to be the old home's.
    func keep(
        _ partition: TopicPartition, _ id: KafkaUUID, _ range: Range<Offset>, leaderEpoch: LeaderEpoch
    ) async throws {
        var next = max(range.lowerBound, kept[partition.partition] ?? 0)
        while next < range.upperBound {
            guard
                let batches = try await process.read(
                    partition, id, from: next, epoch: leaderEpoch, bytes: 1200, in: region)
            else { throw SimulatedProcess.Fault.notYet("\(partition) ends at \(next)") }
            var builder = RecordBatchBuilder()
            for record in try batches.flatMap(Self.records) where record.offset >= next && range.contains(record.offset)
            {
                builder.append(quarantined: record, of: partition.partition)
            }
            next = batches.last?.header.nextOffset ?? next
            guard !builder.isEmpty else { continue }
            let bytes = builder.finish()
            let isKept = await process.untilDone("quarantine") {
                _ = try await process.produce(bytes, to: place, in: region)
            }
            if !isKept { throw SimulatedProcess.Fault.killed }
        }
    }

    /// Without markers.
    private static func records(of batch: RecordBatch) throws -> [Record] {
        if batch.header.attributes.isControl { return [] }
        var records: [Record] = []
        var iterator = try RecordIterator(batch)
        while let record = try iterator.next() { records.append(record) }
        return records
    }
}
