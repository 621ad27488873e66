import ClusterModel
import NIOCore
import Seams
import WireCoding

/// What the copy of a log has to do next to become like it; the log decides that, the copy does it on any thread.
package struct CatchUp: Sendable {
    enum Action: Sendable {
        /// Begin anew where the log begins.
        case beginAnew(Offset)
        /// Take off what the log does not hold any more.
        case cut(Offset)
        /// Append batches that lie in the log's file; nil when there are none.
        case append(FileRange?)
    }

    let action: Action
    /// Where the copy ends then, as far as the log knows.
    let endOffset: Offset
    /// Whether the copy has all of the log then.
    package let isLast: Bool
    /// How often the log was truncated before this was decided.
    let truncations: Int
    let logStartOffset: Offset
    let highWatermark: Offset
    let settings: LogSettings
    /// Whether the copy is to be synced then.
    package var isFlushWanted = false

    /// What is read and written.
    package var sizeInBytes: Int {
        if case .append(let range?) = action { range.count } else { 0 }
    }

    /// Whether records are taken off, so that recovery points must be written down before anything is appended.
    package var takesOff: Bool { if case .append = action { false } else { true } }
}

extension PartitionLog {
    /// What a copy that is so far has to do next.
    /// - Parameter maxBytes: what it may have to append at once; a single batch may be larger.
    package func catchUp(of copy: FutureLog.Progress, maxBytes: Int) throws(LogFailure) -> CatchUp {
        guard let common = try commonEnd(with: copy) else {
            let start = try startOfFirstBatch()
            return catchUp(.beginAnew(start), end: start)
        }
        guard common >= copy.logEndOffset else { return catchUp(.cut(common), end: common) }
        let found = try read(
            from: max(common, logStartOffset), maxBytes: maxBytes, minOneBatch: true, upTo: logEndOffset)
        guard case .slice(let slice) = found, let range = slice.range else {
            // Compaction may have left nothing before the end.
            return catchUp(.append(nil), end: logEndOffset)
        }
        return catchUp(.append(range), end: slice.nextOffset)
    }

    private func catchUp(_ action: CatchUp.Action, end: Offset) -> CatchUp {
        var isLast = end >= logEndOffset
        if case .append = action {} else { isLast = false }
        return CatchUp(
            action: action, endOffset: end, isLast: isLast, truncations: truncations, logStartOffset: logStartOffset,
            highWatermark: highWatermark, settings: settings)
    }

    /// Whether records were taken off after a step of a copy was decided.
    package func hasBeenTruncated(since step: CatchUp) -> Bool { step.truncations != truncations }

    /// Up to where the copy holds what this log does; nil when it is of no use.
    ///
    /// Records of the same epoch and offset are the same (KIP-101), so that histories of epochs tell.
    private func commonEnd(with copy: FutureLog.Progress) throws(LogFailure) -> Offset? {
        guard copy.logStartOffset <= logStartOffset else { return nil }
        if copy.logStartOffset == copy.logEndOffset {
            return try copy.logEndOffset == startOfFirstBatch() ? copy.logEndOffset : nil
        }
        var common = min(copy.logEndOffset, logEndOffset)
        if let epoch = copy.leaderEpochs.latest {
            let own = end(of: epoch)
            let copied = copy.leaderEpochs.end(of: own.epoch, logEndOffset: copy.logEndOffset)
            guard own.endOffset >= 0, copied.endOffset >= 0 else { return nil }
            common = min(common, own.endOffset, copied.endOffset)
        } else if copy.truncations != truncations {
            // Records from before there were epochs: only what is committed is sure to be the same.
            common = min(common, highWatermark)
        }
        return common >= logStartOffset ? common : nil
    }

    /// Where the batch begins that holds the first record, which may lie in its middle.
    func startOfFirstBatch() throws(LogFailure) -> Offset {
        guard logStartOffset < logEndOffset, let place = segmentIndex(of: logStartOffset),
            let found = try segments[place].find(logStartOffset, from: nil)
        else { return logStartOffset }
        return min(found.header.baseOffset, logStartOffset)
    }

    /// Does what the log that this one is a copy of wants.
    /// - Returns: why the batches were not appended: they make no sense, perhaps because the log was truncated while
    ///   they were read.
    func perform(_ step: CatchUp, at now: Instant) throws(LogFailure) -> AppendRefusal? {
        settings = step.settings
        switch step.action {
        case .beginAnew(let offset): try truncateFully(startingAt: offset, at: now)
        case .cut(let offset): try truncate(to: offset, at: now)
        case .append(let range):
            if let range, let refusal = try append(range, at: now) { return refusal }
            if step.isLast { try skip(to: step.endOffset, at: now) }
        }
        try raiseLogStart(to: min(step.logStartOffset, logEndOffset))
        advanceHighWatermark(to: step.highWatermark)
        if step.isFlushWanted { try flush(at: now) }
        return nil
    }

    private func append(_ range: FileRange, at now: Instant) throws(LogFailure) -> AppendRefusal? {
        let bytes = try onDisk { () throws(FileSystemError) in
            try range.file.bytes(at: range.position, count: range.count)
        }
        if case .refused(let refusal) = try appendKeepingOffsets(ByteBuffer(bytes: bytes), at: now) { return refusal }
        return nil
    }

    /// Goes on at an offset further on: those between belong to no record.
    private func skip(to offset: Offset, at now: Instant) throws(LogFailure) {
        guard offset > logEndOffset else { return }
        try roll(startingAt: offset, at: now)
        logEndOffset = offset
    }
}
