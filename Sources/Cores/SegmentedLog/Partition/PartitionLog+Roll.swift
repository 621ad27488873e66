import ClusterModel
import Seams

extension PartitionLog {
    /// Ends the active segment when the batches do not belong into it any more.
    /// - Parameters:
    ///   - size: of all batches, in bytes.
    ///   - maxTimestamp: the batches' largest, in milliseconds since 1970.
    func rollIfNeeded(
        for size: Int, firstOffset: Offset, lastOffset: Offset, maxTimestamp: Int64, at now: Instant
    ) throws(LogFailure) {
        let segment = active
        guard segment.canHold(lastOffset) else {
            // Where more offsets are left out than a segment can name, the new one begins where they go on. Recovery
            // takes such a hole for a loss, unless the recovery point is behind it.
            let isHole = lastOffset - logEndOffset > Offset(Int32.max)
            return try roll(startingAt: isHole ? firstOffset : logEndOffset, at: now)
        }
        guard segment.size > 0 else { return }
        var limit = settings.segmentAgeInMilliseconds
        if settings.cleanupPolicy.contains(.compact) { limit = min(limit, settings.maxCompactionLagInMilliseconds) }
        let age =
            segment.firstTimestamp >= 0 && maxTimestamp >= 0
            ? maxTimestamp - segment.firstTimestamp : now.unixMilliseconds - segment.openedAt
        let isFull =
            segment.size > settings.segmentSizeInBytes - size
            || segment.offsetIndex.count >= settings.indexSizeInBytes / OffsetIndexEntry.sizeInBytes
            // The last place is for the entry that ends the index.
            || segment.timeIndex.count >= settings.indexSizeInBytes / TimeIndexEntry.sizeInBytes - 1
        guard isFull || age > limit - segment.jitter else { return }
        try roll(startingAt: logEndOffset, at: now)
    }

    /// Ends the active segment and begins another; one without batches is replaced.
    func roll(startingAt offset: Offset, at now: Instant) throws(LogFailure) {
        if active.size == 0 {
            let empty = segments.removeLast()
            if empty.baseOffset != offset { try remove(empty, at: now) }
        } else {
            try onDisk { () throws(FileSystemError) in try active.writeIndexes(sealing: true) }
            try takeSnapshot(at: offset)
        }
        segments.append(try newSegment(startingAt: offset, at: now))
        isDirectoryUnsynced = true
    }

    func newSegment(startingAt offset: Offset, at now: Instant) throws(LogFailure) -> LogSegment {
        let jitter = SegmentJitter.jitter(of: offset, in: directory, settings: settings)
        return try onDisk { () throws(FileSystemError) in
            try LogSegment(creating: offset, in: directory, on: disk, jitter: jitter, at: now)
        }
    }

    /// Writes down what is known of producers, so that recovery need not read what came before `offset` once that is
    /// flushed. What a crash leaves of it before shows by its checksum.
    func takeSnapshot(at offset: Offset) throws(LogFailure) {
        guard snapshots.last ?? -1 < offset else { return }
        let path = directory + "/" + LogFileName.name(offset, LogFileName.snapshot)
        unsyncedSnapshots[offset] = try onDisk { () throws(FileSystemError) in
            try disk.write(ProducerSnapshot.write(producers.snapshot), anew: path)
        }
        isDirectoryUnsynced = true
        snapshots.append(offset)
    }

    func removeSnapshots(where isObsolete: (Offset) -> Bool) throws(LogFailure) {
        for offset in snapshots where isObsolete(offset) {
            unsyncedSnapshots[offset] = nil
            try onDisk { () throws(FileSystemError) in
                try disk.remove(directory + "/" + LogFileName.name(offset, LogFileName.snapshot))
            }
        }
        snapshots.removeAll(where: isObsolete)
    }
}

/// How much earlier than others a segment ends: the same in every life of the process, so that a run can be repeated.
enum SegmentJitter {
    /// - Returns: milliseconds, less than the setting.
    static func jitter(of offset: Offset, in directory: String, settings: LogSettings) -> Int64 {
        let limit = min(settings.segmentJitterInMilliseconds, settings.segmentAgeInMilliseconds)
        guard limit > 0 else { return 0 }
        // FNV-1a.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in directory.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ UInt64(bitPattern: offset)) &* 0x100_0000_01b3
        return Int64(hash % UInt64(limit))
    }
}
