import ClusterModel
import Seams

/// Files out of use that readers may still be sending.
struct DelayedDeletion {
    var paths: [String]
    var due: Instant
}

extension PartitionLog {
    /// Removes the oldest segments that are older or more than the settings keep, or lie before the log's start; the
    /// log's start moves with them. Segments that are not committed stay.
    /// - Returns: how many segments were removed. Their files go with ``removeDeletedFiles(at:)``.
    package func retain(at now: Instant) throws(LogFailure) -> Int {
        var surplus =
            settings.cleanupPolicy.contains(.delete)
            ? settings.retentionInBytes.map { Int64(sizeInBytes) - $0 } ?? -1 : -1
        var count = 0
        for (place, segment) in segments.enumerated() {
            let isLast = place + 1 == segments.count
            let end = isLast ? logEndOffset : segments[place + 1].baseOffset
            guard end <= highWatermark, !(isLast && segment.size == 0) else { break }
            let isBeforeStart = !isLast && end <= logStartOffset
            let isSurplus = surplus >= 0 && surplus - Int64(segment.size) >= 0
            if !isBeforeStart && !isSurplus {
                guard try isExpired(segment, at: now) else { break }
            }
            surplus -= Int64(segment.size)
            count += 1
        }
        guard count > 0 else { return 0 }
        if count == segments.count { try roll(startingAt: logEndOffset, at: now) }
        let removed = segments[..<count]
        segments.removeFirst(count)
        for segment in removed { try remove(segment, at: now) }
        hints.forgetAll()
        let start = segments[0].baseOffset
        try raiseLogStart(to: start)
        try removeSnapshots { $0 < start }
        isDirectoryUnsynced = true
        return count
    }

    private func isExpired(_ segment: LogSegment, at now: Instant) throws(LogFailure) -> Bool {
        guard settings.cleanupPolicy.contains(.delete), let limit = settings.retentionInMilliseconds else {
            return false
        }
        return try now.unixMilliseconds - newestTimestamp(of: segment) > limit
    }

    /// The largest timestamp of a record, or else when the file was last changed, in milliseconds since 1970.
    func newestTimestamp(of segment: LogSegment) throws(LogFailure) -> Int64 {
        if segment.maxTimestamp >= 0 { return segment.maxTimestamp }
        return try onDisk { () throws(FileSystemError) in
            try disk.attributes(segment.path)?.modifiedUnixMilliseconds ?? segment.openedAt
        }
    }

    /// Takes a segment and its records out of the log.
    func remove(_ segment: LogSegment, at now: Instant) throws(LogFailure) {
        cancelCleaning()
        try setAside(segment, at: now)
    }

    /// Takes a segment's files out of use, to be removed once no reader can be sending them.
    func setAside(_ segment: LogSegment, at now: Instant) throws(LogFailure) {
        let paths = try onDisk { () throws(FileSystemError) in
            var paths: [String] = []
            for suffix in LogFileName.ofSegment {
                let path = directory + "/" + LogFileName.name(segment.baseOffset, suffix)
                guard try disk.attributes(path) != nil else { continue }
                try disk.rename(path, to: path + LogFileName.deleted)
                paths.append(path + LogFileName.deleted)
            }
            return paths
        }
        let delay = Duration.milliseconds(settings.fileDeleteDelayInMilliseconds)
        deletions.append(DelayedDeletion(paths: paths, due: now + delay))
    }

    /// Removes the files of segments that went `file.delete.delay.ms` ago or earlier.
    package func removeDeletedFiles(at now: Instant) throws(LogFailure) {
        for deletion in deletions where deletion.due <= now {
            try onDisk { () throws(FileSystemError) in
                for path in deletion.paths { try disk.remove(path) }
            }
        }
        deletions.removeAll { $0.due <= now }
    }

    /// When ``removeDeletedFiles(at:)`` has something to do next.
    package var nextFileDeletion: Instant? { deletions.map(\.due).min() }
}
