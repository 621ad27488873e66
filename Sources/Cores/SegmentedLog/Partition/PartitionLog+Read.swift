import ClusterModel
import Records
import Seams
import WireCoding

extension PartitionLog {
    /// Finds whole batches from the one on that holds `offset`, in one segment and without reading them.
    ///
    /// - Parameters:
    ///   - maxBytes: what the batches may take; the first one may take more when `minOneBatch`.
    ///   - bound: batches at this offset or after it are left out: the log's end, the high watermark or the last
    ///     stable offset.
    ///   - abortedIncluded: whether to look for the aborted transactions that a committed reader needs.
    package func read(
        from offset: Offset, maxBytes: Int, minOneBatch: Bool, upTo bound: Offset, abortedIncluded: Bool = false
    ) throws(LogFailure) -> ReadOutcome {
        guard offset >= logStartOffset, offset <= logEndOffset else {
            return .outOfRange(start: logStartOffset, end: logEndOffset)
        }
        let bound = min(bound, logEndOffset)
        guard offset < bound, let first = segmentIndex(of: offset) else {
            return .slice(LogSlice(range: nil, nextOffset: offset))
        }
        for place in first..<segments.count {
            guard let start = try start(of: offset, in: place), start < segments[place].size else { continue }
            guard var slice = try slice(in: place, from: start, maxBytes, minOneBatch: minOneBatch, upTo: bound)
            else { break }
            if abortedIncluded {
                slice.abortedTransactions = try abortedTransactions(from: offset, upTo: slice.nextOffset)
            }
            return .slice(slice)
        }
        return .slice(LogSlice(range: nil, nextOffset: offset))
    }

    /// Where the first batch begins that ends at `offset` or later; nil when the segment has none.
    private func start(of offset: Offset, in place: Int) throws(LogFailure) -> Int? {
        let segment = segments[place]
        if let hint = hints.position(of: offset, in: segment.baseOffset) { return hint }
        return try segment.find(offset, from: nil)?.position
    }

    /// Where the batches before `bound` end in a segment.
    private func end(before bound: Offset, in place: Int) throws(LogFailure) -> (position: Int, next: Offset) {
        let segment = segments[place]
        let next = place + 1 < segments.count ? segments[place + 1].baseOffset : logEndOffset
        if bound >= next { return (segment.size, next) }
        if let hint = hints.position(of: bound, in: segment.baseOffset) { return (hint, bound) }
        guard let found = try segment.find(bound, from: nil) else { return (segment.size, next) }
        hints.remember(bound, in: segment.baseOffset, at: found.position)
        return (found.position, min(bound, found.header.baseOffset))
    }

    /// - Returns: nil when no batch from `start` on is before `bound` or may be returned.
    private func slice(
        in place: Int, from start: Int, _ maxBytes: Int, minOneBatch: Bool, upTo bound: Offset
    ) throws(LogFailure) -> LogSlice? {
        let segment = segments[place]
        var (end, next) = try end(before: bound, in: place)
        guard start < end else { return nil }
        if end - start > maxBytes {
            end = try cut(segment, from: start, maxBytes, minOneBatch: minOneBatch)
            guard start < end else { return nil }
            if end < segment.size {
                try segment.scan(from: end) { header, _ throws(LogFailure) in
                    next = header.baseOffset
                    return false
                }
            }
        }
        hints.remember(next, in: segment.baseOffset, at: end)
        let file = try onDisk { () throws(FileSystemError) in try segment.log() }
        return LogSlice(range: FileRange(file: file, position: start, count: end - start), nextOffset: next)
    }

    /// Where to end so that at most `maxBytes` are taken. The index knows places enough: exactness would cost reading
    /// headers.
    private func cut(
        _ segment: LogSegment, from start: Int, _ maxBytes: Int, minOneBatch: Bool
    ) throws(LogFailure) -> Int {
        let indexed = try onDisk { () throws(FileSystemError) in
            try segment.indexedPosition(notAfter: start + maxBytes)
        }
        if let indexed, indexed > start { return indexed }
        var end = start
        try segment.scan(from: start) { header, position throws(LogFailure) in
            let after = position + header.sizeInBytes
            guard after - start <= maxBytes || (minOneBatch && position == start) else { return false }
            end = after
            return after - start < maxBytes
        }
        return end
    }

    /// Aborted transactions with records between two offsets, by first offset.
    func abortedTransactions(from offset: Offset, upTo end: Offset) throws(LogFailure) -> [AbortedTransaction] {
        guard let first = segmentIndex(of: offset) else { return [] }
        var found: [AbortedTransaction] = []
        search: for segment in segments[first...] {
            let entries = try onDisk { () throws(FileSystemError) in
                try segment.transactionIndex.entries(0..<segment.transactionIndex.count)
            }
            for entry in entries {
                if entry.lastOffset >= offset && entry.firstOffset < end {
                    found.append(AbortedTransaction(producerID: entry.producerID, firstOffset: entry.firstOffset))
                }
                if entry.lastStableOffset >= end { break search }
            }
        }
        return found.sorted { ($0.firstOffset, $0.producerID) < ($1.firstOffset, $1.producerID) }
    }
}
