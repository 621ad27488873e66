import ClusterModel
import Records
import Seams

/// Reads all batches of a segment, makes its indexes anew, and cuts it before the first that is not sound.
struct SegmentRecovery {
    /// What one read brings.
    private static let windowSizeInBytes = 1 << 20

    let segment: LogSegment
    /// What is known of producers before the segment, and afterwards at its end; likewise of leader epochs.
    private(set) var producers: ProducerStates
    private(set) var leaderEpochs: LeaderEpochHistory
    private(set) var endOffset: Offset
    private(set) var wasCut = false
    private var changes = ProducerChanges()

    /// - Parameter segment: with empty indexes.
    init(_ segment: LogSegment, _ producers: ProducerStates, _ leaderEpochs: LeaderEpochHistory) {
        self.segment = segment
        self.producers = producers
        self.leaderEpochs = leaderEpochs
        endOffset = segment.baseOffset
    }

    /// - Parameter recoveryPoint: all before it was synced: what is unsound there was not torn by a crash, and is no
    ///   reason to cut what follows.
    /// - Throws: `.corrupt` for such; nothing was cut then.
    mutating func run(
        interval: Int, recoveryPoint: Offset, _ report: inout RecoveryReport
    ) throws(LogFailure) {
        let (file, fileSize) = try onDisk { () throws(FileSystemError) in
            let file = try segment.log()
            return (file, try file.size())
        }
        var scanner = BatchScanner(file, from: 0, to: fileSize, windowSizeInBytes: Self.windowSizeInBytes)
        let reason = try takeUpBatches(&scanner, interval: interval)
        report.scannedSegments += 1
        report.scannedBytes += segment.size
        if let reason, endOffset < recoveryPoint {
            throw .corrupt(path: segment.path, position: segment.size, reason: reason)
        }
        try onDisk { () throws(FileSystemError) in
            if let reason {
                wasCut = true
                report.cuts.append(
                    .init(
                        path: segment.path, position: segment.size, removedBytes: fileSize - segment.size,
                        reason: reason))
                try file.truncate(to: segment.size)
            }
            try segment.writeIndexes(sealing: false)
        }
    }

    /// - Returns: why it stopped before the end.
    private mutating func takeUpBatches(_ scanner: inout BatchScanner, interval: Int) throws(LogFailure) -> String? {
        while true {
            do throws(FileSystemError) {
                let header: RecordBatchHeader
                switch try scanner.header() {
                case .end: return nil
                case .unsound(let reason): return reason.description
                case .batch(let found): header = found
                }
                let bytes = try scanner.wholeBatch(header)
                if let reason = takeUp(header, bytes, interval: interval) { return reason }
                scanner.step(over: header)
            } catch {
                throw .disk(error)
            }
        }
    }

    /// - Returns: why the batch is not sound.
    private mutating func takeUp(
        _ header: RecordBatchHeader, _ bytes: UnsafeRawBufferPointer, interval: Int
    ) -> String? {
        guard header.baseOffset >= endOffset || header.magic < 2, header.lastOffsetDelta >= 0,
            header.lastOffset >= endOffset, segment.canHold(header.lastOffset)
        else { return "offset \(header.baseOffset) does not follow \(endOffset - 1)" }
        var marker: TransactionMarker?
        do throws(InvalidRecords) {
            try header.checkCRC(of: bytes)
            if header.attributes.isControl { marker = try TransactionMarker(header, copying: bytes) }
        } catch {
            return error.description
        }
        if header.leaderEpoch > leaderEpochs.latest ?? -1 {
            _ = leaderEpochs.note(header.leaderEpoch, startingAt: header.baseOffset)
        }
        segment.takeUp(header, interval: interval)
        endOffset = header.nextOffset
        if header.hasProducerID {
            changes.replay(header, marker: marker, to: &producers) { transaction, lastStableOffset in
                segment.append(transaction, lastStableOffset: lastStableOffset)
            }
        }
        return nil
    }
}
