import ClusterModel
import WireCoding

/// The form in which producer states are kept in `.snapshot` files: version 1 of Apache Kafka's, with a CRC-32C.
///
/// Apache's entries know the last batch of a producer only. A producer that repeats all it had in flight when its leader
/// was restarted begins with an earlier one, so these follow the entries, where Apache's brokers do not look: how many
/// (int32), and each with its producer's id, oldest first.
package enum ProducerSnapshot {
    /// Version, CRC, count.
    private static let headerSizeInBytes = 10
    private static let entrySizeInBytes = 46
    private static let earlierBatchSizeInBytes = 32

    package struct Entry: Sendable, Equatable {
        package var producerID: ProducerID
        package var epoch: Int16
        /// -1 for none, as the following two.
        package var lastSequence: Int32
        package var lastOffset: Offset
        package var offsetDelta: Int32
        package var timestamp: Int64
        package var coordinatorEpoch: Int32
        /// -1 for none.
        package var transactionFirstOffset: Offset
        /// Those remembered before the last, oldest first.
        package var earlierBatches: [ProducerEntry.Batch] = []
    }

    /// What the bytes of a snapshot hold; nil when they are not sound.
    package static func read(_ bytes: [UInt8]) -> [Entry]? {
        bytes.withUnsafeBytes { raw -> [Entry]? in
            guard raw.count >= headerSizeInBytes, raw.integer(at: 0, as: Int16.self) == 1 else { return nil }
            guard raw.integer(at: 2) == crc32c(UnsafeRawBufferPointer(rebasing: raw[6...])) else { return nil }
            let count = Int(raw.integer(at: 6, as: Int32.self))
            let end = headerSizeInBytes + count * entrySizeInBytes
            guard count >= 0, raw.count >= end, let earlier = earlierBatches(in: raw[end...]) else { return nil }
            return (0..<count).map { place in
                let start = headerSizeInBytes + place * entrySizeInBytes
                let producerID: ProducerID = raw.integer(at: start)
                return Entry(
                    producerID: producerID, epoch: raw.integer(at: start + 8),
                    lastSequence: raw.integer(at: start + 10), lastOffset: raw.integer(at: start + 14),
                    offsetDelta: raw.integer(at: start + 22), timestamp: raw.integer(at: start + 26),
                    coordinatorEpoch: raw.integer(at: start + 34), transactionFirstOffset: raw.integer(at: start + 38),
                    earlierBatches: earlier[producerID] ?? [])
            }
        }
    }

    /// What follows the entries; nil when it is not sound.
    private static func earlierBatches(in bytes: Slice<UnsafeRawBufferPointer>) -> [ProducerID: [ProducerEntry.Batch]]?
    {
        guard !bytes.isEmpty else { return [:] }
        let raw = UnsafeRawBufferPointer(rebasing: bytes)
        guard raw.count >= 4 else { return nil }
        let count = Int(raw.integer(at: 0, as: Int32.self))
        guard count >= 0, raw.count == 4 + count * earlierBatchSizeInBytes else { return nil }
        var batches: [ProducerID: [ProducerEntry.Batch]] = [:]
        for place in 0..<count {
            let start = 4 + place * earlierBatchSizeInBytes
            batches[raw.integer(at: start), default: []].append(
                ProducerEntry.Batch(
                    lastSequence: raw.integer(at: start + 8), lastOffset: raw.integer(at: start + 12),
                    offsetDelta: raw.integer(at: start + 20), timestamp: raw.integer(at: start + 24)))
        }
        return batches
    }

    /// The bytes of a snapshot of these entries.
    package static func write(_ entries: [Entry]) -> [UInt8] {
        let earlier = entries.flatMap { entry in entry.earlierBatches.map { (entry.producerID, $0) } }
        let end = headerSizeInBytes + entries.count * entrySizeInBytes
        let size = end + (earlier.isEmpty ? 0 : 4 + earlier.count * earlierBatchSizeInBytes)
        var bytes = [UInt8](repeating: 0, count: size)
        bytes.withUnsafeMutableBytes { raw in
            raw.store(Int16(1), at: 0)
            raw.store(Int32(entries.count), at: 6)
            for (place, entry) in entries.enumerated() {
                let start = headerSizeInBytes + place * entrySizeInBytes
                raw.store(entry.producerID, at: start)
                raw.store(entry.epoch, at: start + 8)
                raw.store(entry.lastSequence, at: start + 10)
                raw.store(entry.lastOffset, at: start + 14)
                raw.store(entry.offsetDelta, at: start + 22)
                raw.store(entry.timestamp, at: start + 26)
                raw.store(entry.coordinatorEpoch, at: start + 34)
                raw.store(entry.transactionFirstOffset, at: start + 38)
            }
            if !earlier.isEmpty { raw.store(Int32(earlier.count), at: end) }
            for (place, (producerID, batch)) in earlier.enumerated() {
                let start = end + 4 + place * earlierBatchSizeInBytes
                raw.store(producerID, at: start)
                raw.store(batch.lastSequence, at: start + 8)
                raw.store(batch.lastOffset, at: start + 12)
                raw.store(batch.offsetDelta, at: start + 20)
                raw.store(batch.timestamp, at: start + 24)
            }
            raw.store(crc32c(UnsafeRawBufferPointer(rebasing: raw[6...])), at: 2)
        }
        return bytes
    }
}

extension ProducerStates {
    /// Sorted by producer id.
    var snapshot: [ProducerSnapshot.Entry] {
        entries.sorted { $0.key < $1.key }.map { id, entry in
            ProducerSnapshot.Entry(
                producerID: id, epoch: entry.epoch, lastSequence: entry.lastSequence,
                lastOffset: entry.lastBatch?.lastOffset ?? -1, offsetDelta: entry.lastBatch?.offsetDelta ?? 0,
                timestamp: entry.lastTimestamp, coordinatorEpoch: entry.coordinatorEpoch,
                transactionFirstOffset: entry.transactionFirstOffset ?? -1, earlierBatches: entry.earlierBatches)
        }
    }

    init(_ snapshot: [ProducerSnapshot.Entry]) {
        var entries: [ProducerID: ProducerEntry] = [:]
        for stored in snapshot {
            var entry = ProducerEntry(epoch: stored.epoch, lastTimestamp: stored.timestamp)
            for batch in stored.earlierBatches { entry.add(batch) }
            if stored.lastOffset >= 0 {
                entry.add(
                    ProducerEntry.Batch(
                        lastSequence: stored.lastSequence, lastOffset: stored.lastOffset,
                        offsetDelta: stored.offsetDelta, timestamp: stored.timestamp))
            }
            entry.coordinatorEpoch = stored.coordinatorEpoch
            entry.transactionFirstOffset = stored.transactionFirstOffset < 0 ? nil : stored.transactionFirstOffset
            entries[stored.producerID] = entry
        }
        self.init(entries)
    }
}
