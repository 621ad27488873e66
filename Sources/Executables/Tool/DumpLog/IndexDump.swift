import ArgumentParser
import ClusterModel
import Records
import Seams
import SegmentedLog

/// Prints the files beside a segment, and checks them against it.
struct IndexDump {
    enum Check {
        /// Prints entries, and checks them against the segment.
        case printing
        case againstSegment
        /// Only whether the file's form is sound.
        case sanity
    }

    let path: String
    let baseOffset: Offset
    let disk: any FileSystem
    let check: Check

    private func bytes() throws -> [UInt8] {
        guard let bytes = try disk.contents(of: path) else { throw ValidationError("There is no file \(path).") }
        return bytes
    }

    private var segmentPath: String {
        let end = path.lastIndex(of: ".") ?? path.endIndex
        return path[..<end] + LogFileName.log
    }

    /// The entries before those that a preallocated file ends with.
    private func used<Entry: IndexEntry>(_ entries: [Entry], isUnused: (Entry) -> Bool) -> ArraySlice<Entry> {
        let end = entries.indices.dropFirst().first { isUnused(entries[$0]) } ?? entries.count
        return entries[..<end]
    }

    private func checkForm<Entry: IndexEntry>(
        _ bytes: [UInt8], _: Entry.Type, isRising: Bool, to output: inout some TextOutputStream
    ) throws {
        guard bytes.count % Entry.sizeInBytes == 0, isRising else {
            throw ValidationError("\(path) did not pass the sanity check.")
        }
        print("\(path) passed sanity check.", to: &output)
    }

    func dumpOffsets(_ complaints: inout DumpComplaints, to output: inout some TextOutputStream) throws {
        let bytes = try bytes()
        let all = OffsetIndexEntry.entries(of: bytes)
        guard check != .sanity else {
            let isRising = zip(all, all.dropFirst()).allSatisfy { $0.relativeOffset < $1.relativeOffset }
            return try checkForm(bytes, OffsetIndexEntry.self, isRising: isRising, to: &output)
        }
        let segment = try disk.open(segmentPath, .read)
        for entry in used(all, isUnused: { $0.relativeOffset == 0 }) {
            let offset = baseOffset + Offset(entry.relativeOffset)
            if let header = try header(in: segment, at: Int(entry.position)) {
                if header.lastOffset != offset {
                    complaints.mismatch(in: path, indexed: offset, found: header.lastOffset)
                }
            } else {
                complaints.mismatch(in: path, indexed: offset, found: -1)
            }
            if check == .printing { print("offset: \(offset) position: \(entry.position)", to: &output) }
        }
    }

    /// The header of the batch at a position; nil when none is there.
    private func header(in segment: any File, at position: Int) throws -> RecordBatchHeader? {
        let size = try segment.size()
        guard position >= 0, position < size else { return nil }
        var scanner = BatchScanner(segment, from: position, to: size, windowSizeInBytes: RecordBatchHeader.sizeInBytes)
        guard case .batch(let header) = try scanner.header() else { return nil }
        return header
    }

    func dumpTimes(_ complaints: inout DumpComplaints, to output: inout some TextOutputStream) throws {
        let bytes = try bytes()
        let all = TimeIndexEntry.entries(of: bytes)
        guard check != .sanity else {
            let isRising = zip(all, all.dropFirst()).allSatisfy { $0.timestamp < $1.timestamp }
            return try checkForm(bytes, TimeIndexEntry.self, isRising: isRising, to: &output)
        }
        let largest = try largestTimestamps()
        var before: Int64 = -1
        for entry in used(all, isUnused: { $0.timestamp == 0 }) {
            let offset = baseOffset + Offset(entry.relativeOffset)
            if entry.timestamp < before {
                complaints.timestampOrder(in: path, indexed: entry.timestamp, before: before)
            }
            before = entry.timestamp
            // The index names the last offset of the batch with the largest timestamp so far.
            let found = largest.first { $0.lastOffset >= offset }
            if found?.lastOffset != offset || found?.timestamp != entry.timestamp {
                complaints.timestampMismatch(in: path, indexed: entry.timestamp, found: found?.timestamp ?? -1)
            }
            if check == .printing { print("timestamp: \(entry.timestamp) offset: \(offset)", to: &output) }
        }
    }

    /// The largest timestamp of each batch of the segment.
    private func largestTimestamps() throws -> [(lastOffset: Offset, timestamp: Int64)] {
        let segment = try disk.open(segmentPath, .read)
        var scanner = BatchScanner(segment, from: 0, to: try segment.size(), windowSizeInBytes: 1 << 16)
        var found: [(lastOffset: Offset, timestamp: Int64)] = []
        while case .batch(let header) = try scanner.header() {
            found.append((header.lastOffset, header.maxTimestamp))
            scanner.step(over: header)
        }
        return found
    }

    func dumpTransactions(to output: inout some TextOutputStream) throws {
        for entry in TransactionIndexEntry.entries(of: try bytes()) {
            print(
                "version: 0 producerId: \(entry.producerID) firstOffset: \(entry.firstOffset)"
                    + " lastOffset: \(entry.lastOffset) lastStableOffset: \(entry.lastStableOffset)", to: &output)
        }
    }

    func dumpProducers(to output: inout some TextOutputStream) throws {
        guard let entries = ProducerSnapshot.read(try bytes()) else {
            throw ValidationError("\(path) is no sound snapshot of producers.")
        }
        for entry in entries {
            let first = entry.transactionFirstOffset
            var line = "producerId: \(entry.producerID) producerEpoch: \(entry.epoch)"
            line += " coordinatorEpoch: \(entry.coordinatorEpoch)"
            line += " currentTxnFirstOffset: \(first < 0 ? "None" : "\(first)") lastTimestamp: \(entry.timestamp)"
            if entry.lastOffset >= 0 {
                let sequence = Int64(entry.lastSequence) - Int64(entry.offsetDelta)
                line += " firstSequence: \(sequence & Int64(Int32.max)) lastSequence: \(entry.lastSequence)"
                line += " lastOffset: \(entry.lastOffset) offsetDelta: \(entry.offsetDelta)"
                line += " timestamp: \(entry.timestamp)"
            }
            print(line, to: &output)
        }
    }
}
