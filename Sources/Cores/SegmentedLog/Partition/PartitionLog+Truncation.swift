import ClusterModel
import Records
import Seams

extension PartitionLog {
    /// Takes off the records from `offset` on; a batch that holds it goes as a whole, and the log then ends before it.
    ///
    /// What stays is synced, so that nothing of what went can come back. Recovery points that were written down before
    /// must be written again before the next append.
    package func truncate(to offset: Offset, at now: Instant) throws(LogFailure) {
        guard offset < logEndOffset else { return try forgetEpochsWithoutRecords(from: offset) }
        guard let place = segmentIndex(of: offset), offset > logStartOffset else {
            return try truncateFully(startingAt: min(offset, logStartOffset), at: now)
        }
        let removed = segments[(place + 1)...]
        segments.removeSubrange((place + 1)...)
        for segment in removed.reversed() { try remove(segment, at: now) }
        let firstRemoved = try active.truncate(to: offset)
        let end = min(offset, firstRemoved ?? offset)
        try ended(at: max(end, logStartOffset), at: now)
        if end < logStartOffset { try beginAnewAtStart(at: now) }
        try flush(at: now)
    }

    /// With its first batch all has gone that can be read. What stands before must go too: in front of the next records
    /// a recovery would take it for a log with a hole.
    private func beginAnewAtStart(at now: Instant) throws(LogFailure) {
        try roll(startingAt: logStartOffset, at: now)
        let removed = segments.dropLast()
        segments.removeFirst(removed.count)
        for segment in removed { try remove(segment, at: now) }
    }

    /// An epoch in which this broker led and appended nothing is in the history and not in the log. A leader that never
    /// heard of it would be asked about it for ever.
    private func forgetEpochsWithoutRecords(from offset: Offset) throws(LogFailure) {
        let before = leaderEpochs
        leaderEpochs.truncate(to: offset)
        if leaderEpochs != before { try writeLeaderEpochs() }
    }

    /// Takes off all records and begins anew at `offset`.
    package func truncateFully(startingAt offset: Offset, at now: Instant) throws(LogFailure) {
        let removed = segments
        segments = []
        for segment in removed.reversed() { try remove(segment, at: now) }
        segments = [try newSegment(startingAt: offset, at: now)]
        logStartOffset = offset
        leaderEpochs = LeaderEpochHistory()
        try removeSnapshots { _ in true }
        try ended(at: offset, at: now)
        try flush(at: now)
    }

    /// Brings all that depends on the log's end in line with it.
    private func ended(at offset: Offset, at now: Instant) throws(LogFailure) {
        truncations += 1
        cancelCleaning()
        cleanedUpTo = cleanedUpTo.map { min($0, offset) }
        logEndOffset = offset
        recoveryPoint = min(recoveryPoint, offset)
        boundHighWatermark()
        hints.forgetAll()
        isDirectoryUnsynced = true
        leaderEpochs.truncate(to: offset)
        try writeLeaderEpochs()
        try removeSnapshots { $0 > offset }
        producers = try ProducerReplay.states(
            of: segments, upTo: offset, snapshots: &snapshots, in: directory, on: disk)
        producers.highWatermarkAdvanced(to: highWatermark)
    }

    /// Makes `offset` the first that can be read (`DeleteRecords`); files go with the next ``retain(at:)``.
    /// - Returns: whether it is in the log and committed.
    package func deleteRecords(before offset: Offset) throws(LogFailure) -> Bool {
        guard offset >= 0, offset <= highWatermark else { return false }
        try raiseLogStart(to: offset)
        return true
    }

    /// Makes `offset` the first that can be read when it is ahead of the present one.
    package func raiseLogStart(to offset: Offset) throws(LogFailure) {
        guard offset > logStartOffset else { return }
        guard offset <= logEndOffset else {
            preconditionFailure("the log in \(directory) ends at \(logEndOffset), before the new start \(offset)")
        }
        logStartOffset = offset
        boundHighWatermark()
        let before = leaderEpochs
        leaderEpochs.truncate(before: offset)
        if leaderEpochs != before { try writeLeaderEpochs() }
    }
}
