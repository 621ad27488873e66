import ClusterModel
import Records
import Seams
import WireCoding

/// A part of a log that is to be digested by a thread other than the log's own.
package struct LogStretch: Sendable {
    /// Batches before and behind `offsets` may be in it; nil when there are none.
    private let range: FileRange?
    private let path: String
    /// Where the stretch begins, and where the next one does.
    package let offsets: Range<Offset>

    /// Bytes that are read at once, unless a batch has more.
    private static let windowSizeInBytes = 1 << 18

    fileprivate init(_ range: FileRange?, of path: String, _ offsets: Range<Offset>) {
        self.range = range
        self.path = path
        self.offsets = offsets
    }

    package var sizeInBytes: Int { range?.count ?? 0 }

    /// Reads all of it.
    package func digest() throws(LogFailure) -> RangeDigest {
        var digest = RangeDigest()
        guard let range else { return digest }
        let end = range.position + range.count
        var scanner = BatchScanner(
            range.file, from: range.position, to: end, windowSizeInBytes: Self.windowSizeInBytes)
        while true {
            let found = try onDisk { () throws(FileSystemError) in try scanner.header() }
            switch found {
            case .end: return digest
            case .unsound(let reason): throw corrupt(at: scanner.position, reason)
            case .batch(let header):
                if offsets.contains(header.baseOffset) {
                    let bytes = try onDisk { () throws(FileSystemError) in try scanner.wholeBatch(header) }
                    guard bytes.count == header.sizeInBytes else {
                        throw corrupt(
                            at: scanner.position, .truncated(needed: header.sizeInBytes, available: bytes.count))
                    }
                    digest.add(header, bytes)
                }
                scanner.step(over: header)
            }
        }
    }

    private func corrupt(at position: Int, _ reason: InvalidRecords) -> LogFailure {
        .corrupt(path: path, position: position, reason: reason.description)
    }
}

extension PartitionLog {
    /// As much of a range as lies in one segment and is committed.
    /// - Parameters:
    ///   - offsets: must begin in the log.
    ///   - maxBytes: what may be read; one batch may be more.
    package func stretch(of offsets: Range<Offset>, maxBytes: Int) throws(LogFailure) -> LogStretch {
        let end = min(offsets.upperBound, highWatermark)
        let path = directory
        guard offsets.lowerBound < end,
            case .slice(let slice) = try read(
                from: offsets.lowerBound, maxBytes: maxBytes, minOneBatch: true, upTo: try batchEnd(behind: end))
        else { return LogStretch(nil, of: path, offsets.lowerBound..<max(offsets.lowerBound, end)) }
        guard let range = slice.range else { return LogStretch(nil, of: path, offsets.lowerBound..<end) }
        return LogStretch(range, of: path, offsets.lowerBound..<min(slice.nextOffset, end))
    }

    /// Where the batch ends that goes across `offset`, or the next one: a batch belongs to the range that its first
    /// record is in, also where it goes on behind it.
    private func batchEnd(behind offset: Offset) throws(LogFailure) -> Offset {
        guard offset < highWatermark,
            case .slice(let slice) = try read(
                from: offset - 1, maxBytes: 1, minOneBatch: true, upTo: highWatermark)
        else { return offset }
        return max(offset, slice.nextOffset)
    }
}
