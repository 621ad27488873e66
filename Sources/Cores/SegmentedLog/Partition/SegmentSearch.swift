import ClusterModel
import NIOCore
import Records
import Seams

/// Finding batches in a segment.
extension LogSegment {
    /// What one read brings where headers alone are wanted: about what lies between two entries of the index.
    private static let windowSizeInBytes = 8192

    /// Calls `body` with each batch's header and position, from `position` to the end or until it answers false.
    func scan(
        from position: Int, _ body: (RecordBatchHeader, Int) throws(LogFailure) -> Bool
    ) throws(LogFailure) {
        let file = try onDisk { () throws(FileSystemError) in try log() }
        var scanner = BatchScanner(file, from: position, to: size, windowSizeInBytes: Self.windowSizeInBytes)
        while true {
            let found: BatchScanner.Found
            do throws(FileSystemError) { found = try scanner.header() } catch { throw .disk(error) }
            switch found {
            case .end: return
            case .unsound(let reason):
                throw .corrupt(path: path, position: scanner.position, reason: reason.description)
            case .batch(let header):
                guard try body(header, scanner.position) else { return }
                scanner.step(over: header)
            }
        }
    }

    /// Where a scan begins that is to find the batch with the record at `offset`.
    func scanStart(for offset: Offset) throws(FileSystemError) -> Int {
        Int(try offsetIndex.leading { baseOffset + Offset($0.relativeOffset) <= offset }.last?.position ?? 0)
    }

    /// The first batch whose last offset is `offset` or more; nil when all end before.
    /// - Parameter hint: where to begin instead of asking the index.
    func find(
        _ offset: Offset, from hint: Int?
    ) throws(LogFailure) -> (header: RecordBatchHeader, position: Int)? {
        let start: Int
        if let hint {
            start = hint
        } else {
            start = try onDisk { () throws(FileSystemError) in try scanStart(for: offset) }
        }
        var found: (RecordBatchHeader, Int)?
        try scan(from: start) { header, position in
            guard header.lastOffset >= offset else { return true }
            found = (header, position)
            return false
        }
        return found
    }

    /// The timestamp of the first batch, read when that is not known; -1 for none.
    func timestampOfFirstBatch() throws(LogFailure) -> Int64 {
        if firstTimestamp < 0 { try readFirstTimestamp() }
        return firstTimestamp
    }

    /// The last indexed position that is not after `position`.
    func indexedPosition(notAfter position: Int) throws(FileSystemError) -> Int? {
        try offsetIndex.leading { Int($0.position) <= position }.last.map { Int($0.position) }
    }

    /// The batch at a position, with all its bytes.
    func batch(_ header: RecordBatchHeader, at position: Int) throws(LogFailure) -> RecordBatch {
        let bytes = try onDisk { () throws(FileSystemError) in
            try log().bytes(at: position, count: header.sizeInBytes)
        }
        return RecordBatch(header: header, bytes: ByteBuffer(bytes: bytes))
    }

    /// The first record from `startOffset` on whose timestamp is `timestamp` or more.
    func firstRecord(
        stampedFrom timestamp: Int64, startingAt startOffset: Offset
    ) throws(LogFailure) -> TimestampedOffset? {
        let start = try onDisk { () throws(FileSystemError) in
            let earlier = try timeIndex.leading { $0.timestamp <= timestamp }.last
            let offset = earlier.map { baseOffset + Offset($0.relativeOffset) } ?? baseOffset
            return try scanStart(for: max(offset, startOffset))
        }
        var found: TimestampedOffset?
        try scan(from: start) { header, position throws(LogFailure) in
            guard header.maxTimestamp >= timestamp, header.lastOffset >= startOffset else { return true }
            found = try firstRecord(of: batch(header, at: position), at: position) {
                $0.timestamp >= timestamp && $0.offset >= startOffset
            }
            return found == nil
        }
        return found
    }

    /// The first record with the segment's largest timestamp.
    func recordWithMaxTimestamp() throws(LogFailure) -> TimestampedOffset? {
        guard maxTimestamp >= 0, let place = try find(offsetOfMaxTimestamp, from: nil) else { return nil }
        return try firstRecord(of: batch(place.header, at: place.position), at: place.position) {
            $0.timestamp == maxTimestamp
        }
    }

    private func firstRecord(
        of batch: RecordBatch, at position: Int, where matches: (Record) -> Bool
    ) throws(LogFailure) -> TimestampedOffset? {
        do throws(InvalidRecords) {
            var records = try RecordIterator(batch)
            while let record = try records.next() {
                if matches(record) {
                    return TimestampedOffset(
                        offset: record.offset, timestamp: record.timestamp, leaderEpoch: batch.header.leaderEpoch)
                }
            }
            return nil
        } catch {
            throw .corrupt(path: path, position: position, reason: error.description)
        }
    }
}
