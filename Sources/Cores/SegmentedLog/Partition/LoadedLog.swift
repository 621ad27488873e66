import ClusterModel
import Records
import Seams

/// What is remembered of a partition's log outside its directory.
package struct LogCheckpoint: Sendable, Equatable {
    /// All before it was synced.
    package var recoveryPoint: Offset
    package var logStartOffset: Offset
    package var highWatermark: Offset
    /// How far the log was compacted; nil when it never was.
    package var cleanedUpTo: Offset?
    /// Whether the log was closed and not written to since.
    package var wasClosed: Bool

    package init(
        recoveryPoint: Offset = 0, logStartOffset: Offset = 0, highWatermark: Offset = 0,
        cleanedUpTo: Offset? = nil, wasClosed: Bool = false
    ) {
        self.recoveryPoint = recoveryPoint
        self.logStartOffset = logStartOffset
        self.highWatermark = highWatermark
        self.cleanedUpTo = cleanedUpTo
        self.wasClosed = wasClosed
    }
}

/// A log as its files give it, made sound: the unsynced end is read and cut where it is torn.
struct LoadedLog {
    let directory: String
    private let disk: any FileSystem
    private let settings: LogSettings
    private let now: Instant
    var segments: [LogSegment] = []
    var snapshots: [Offset] = []
    var leaderEpochs = LeaderEpochHistory()
    private var storedLeaderEpochs = LeaderEpochHistory()
    var producers = ProducerStates()
    var logStartOffset: Offset
    var logEndOffset: Offset = 0
    var recoveryPoint: Offset
    var report = RecoveryReport()
    /// Whether files came, went or were written anew.
    private(set) var hasChangedFiles = false
    /// Where the last segment ends, when it was read again; what is known of producers is as of there.
    private var recoveredEnd: Offset?

    init(
        _ directory: String, on disk: any FileSystem, settings: LogSettings, checkpoint: LogCheckpoint, at now: Instant
    ) throws(LogFailure) {
        self.directory = directory
        self.disk = disk
        self.settings = settings
        self.now = now
        logStartOffset = checkpoint.logStartOffset
        recoveryPoint = checkpoint.recoveryPoint
        let names = try settledNames()
        try readLeaderEpochs()
        snapshots = names.compactMap { LogFileName.offset(of: $0, LogFileName.snapshot) }.sorted()
        let bases = names.compactMap { LogFileName.offset(of: $0, LogFileName.log) }.sorted()
        try removeIndexesWithoutLog(names, Set(bases))
        try openSegments(bases, checkpoint)
        try settleEnds()
    }

    /// The names in the directory after all that a crash left half done is done or undone.
    private mutating func settledNames() throws(LogFailure) -> [String] {
        let names = try onDisk { () throws(FileSystemError) in
            try disk.createDirectory(directory)
            return try disk.list(directory)
        }
        for name in names
        where [LogFileName.deleted, LogFileName.cleaned, ".tmp"].contains(where: { name.hasSuffix($0) }) {
            try remove(name)
        }
        try finishSwaps(names)
        return try onDisk { () throws(FileSystemError) in try disk.list(directory) }
    }

    private mutating func remove(_ name: String) throws(LogFailure) {
        try onDisk { () throws(FileSystemError) in try disk.remove(directory + "/" + name) }
        report.removedFiles.append(name)
        hasChangedFiles = true
    }

    /// Puts what a cleaner had completed in the place of the segments it was made of. Where it had also begun with
    /// something that comes before, nothing tells which segments were meant, and the originals stay.
    private mutating func finishSwaps(_ names: [String]) throws(LogFailure) {
        let firstCleaned = LogFileName.ofSegment.flatMap { suffix in
            names.compactMap { LogFileName.offset(of: $0, suffix + LogFileName.cleaned) }
        }.min()
        for suffix in LogFileName.ofSegment {
            for name in names {
                guard let base = LogFileName.offset(of: name, suffix + LogFileName.swap) else { continue }
                if base >= firstCleaned ?? .max {
                    try remove(name)
                } else {
                    hasChangedFiles = true
                    if suffix == LogFileName.log { try removeReplaced(by: base, names) }
                    try onDisk { () throws(FileSystemError) in
                        try disk.rename(
                            directory + "/" + name, to: directory + "/" + LogFileName.name(base, suffix))
                    }
                }
            }
        }
    }

    /// Removes the segments whose records a cleaned one holds, also what is left of the one whose name it takes.
    private mutating func removeReplaced(by base: Offset, _ names: [String]) throws(LogFailure) {
        let path = directory + "/" + LogFileName.name(base, LogFileName.log + LogFileName.swap)
        var end = base
        let (file, size) = try onDisk { () throws(FileSystemError) in
            let file = try disk.open(path, .read)
            return (file, try file.size())
        }
        var scanner = BatchScanner(file, from: 0, to: size, windowSizeInBytes: 1 << 16)
        try onDisk { () throws(FileSystemError) in
            while case .batch(let header) = try scanner.header() {
                end = header.nextOffset
                scanner.step(over: header)
            }
        }
        for name in names {
            for suffix in LogFileName.ofSegment {
                if let other = LogFileName.offset(of: name, suffix), other == base || (other > base && other < end) {
                    try remove(name)
                }
            }
        }
    }

    private mutating func readLeaderEpochs() throws(LogFailure) {
        let path = directory + "/" + CheckpointText.leaderEpochFile
        guard let bytes = try onDisk({ () throws(FileSystemError) in try disk.contents(of: path) }) else { return }
        guard let history = CheckpointText.readLeaderEpochs(bytes) else {
            throw .corrupt(path: path, position: 0, reason: "it is no list of epochs and offsets")
        }
        leaderEpochs = history
        storedLeaderEpochs = history
    }

    /// Whether the batches know of epochs of which the file does not, or the other way round.
    var hasUnwrittenEpoch: Bool { leaderEpochs != storedLeaderEpochs }

    private mutating func removeIndexesWithoutLog(_ names: [String], _ bases: Set<Offset>) throws(LogFailure) {
        for name in names {
            for suffix in LogFileName.ofSegment.dropFirst() {
                if let base = LogFileName.offset(of: name, suffix), !bases.contains(base) { try remove(name) }
            }
        }
    }

    private mutating func openSegments(_ bases: [Offset], _ checkpoint: LogCheckpoint) throws(LogFailure) {
        // Below the recovery point only what looks unsound is read; from its segment on everything, unless closed.
        let firstUnsynced = checkpoint.wasClosed ? Int.max : (bases.lastIndex { $0 <= recoveryPoint } ?? 0)
        for (place, base) in bases.enumerated() {
            let isLast = place + 1 == bases.count
            if place < firstUnsynced, let segment = try openedSegment(base, sealed: !isLast) {
                segments.append(segment)
                recoveredEnd = nil
                continue
            }
            // Before that, compaction leaves gaps.
            let firstWithoutGap = max(recoveryPoint, checkpoint.cleanedUpTo ?? 0)
            if let previous = segments.last, place > firstUnsynced, base > firstWithoutGap, base > logEndOffset {
                // What lay between was lost: the rest cannot be told from records that never were.
                report.cuts.append(
                    .init(
                        path: previous.path, position: previous.size, removedBytes: 0,
                        reason: "records from \(logEndOffset) to \(base) are missing"))
                return try removeSegments(bases[place...])
            }
            let wasCut = try recover(base)
            if place < firstUnsynced { report.rebuiltIndexes.append(base) }
            if wasCut { return try removeSegments(bases[(place + 1)...]) }
        }
    }

    /// Reads a segment again, after all that come before it.
    /// - Returns: whether it was cut.
    private mutating func recover(_ base: Offset) throws(LogFailure) -> Bool {
        if recoveredEnd != base {
            producers = try ProducerReplay.states(
                of: segments, upTo: base, snapshots: &snapshots, in: directory, on: disk)
        }
        let jitter = SegmentJitter.jitter(of: base, in: directory, settings: settings)
        var recovery = SegmentRecovery(
            LogSegment(rebuilding: base, in: directory, on: disk, jitter: jitter, at: now), producers, leaderEpochs)
        try recovery.run(
            interval: settings.indexIntervalInBytes, recoveryPoint: recoveryPoint, &report)
        hasChangedFiles = true
        producers = recovery.producers
        leaderEpochs = recovery.leaderEpochs
        segments.append(recovery.segment)
        logEndOffset = recovery.endOffset
        recoveredEnd = recovery.endOffset
        return recovery.wasCut
    }

    private func openedSegment(_ base: Offset, sealed: Bool) throws(LogFailure) -> LogSegment? {
        let jitter = SegmentJitter.jitter(of: base, in: directory, settings: settings)
        return try onDisk { () throws(FileSystemError) in
            try LogSegment(opening: base, in: directory, on: disk, sealed: sealed, jitter: jitter, at: now)
        }
    }

    private mutating func removeSegments(_ bases: ArraySlice<Offset>) throws(LogFailure) {
        for base in bases.reversed() {
            for suffix in LogFileName.ofSegment.reversed() { try remove(LogFileName.name(base, suffix)) }
        }
    }

    /// Gives the log its ends, and brings all else in line with them.
    private mutating func settleEnds() throws(LogFailure) {
        if let last = segments.last {
            if recoveredEnd == nil { try last.resumeFromIndexes() }
            logEndOffset = try endOffset(of: last)
        }
        let isLost = segments.isEmpty || logEndOffset < logStartOffset
        if isLost {
            try removeSegments(segments.map(\.baseOffset)[...])
            let jitter = SegmentJitter.jitter(of: logStartOffset, in: directory, settings: settings)
            let segment = try onDisk { () throws(FileSystemError) in
                try LogSegment(creating: logStartOffset, in: directory, on: disk, jitter: jitter, at: now)
            }
            segments = [segment]
            logEndOffset = logStartOffset
            hasChangedFiles = true
        }
        try onDisk { () throws(FileSystemError) in
            for segment in segments.dropLast() { try segment.writeIndexes(sealing: true) }
        }
        logStartOffset = max(logStartOffset, segments[0].baseOffset)
        leaderEpochs.truncate(to: logEndOffset)
        leaderEpochs.truncate(before: logStartOffset)
        try settleSnapshots()
        if recoveredEnd != logEndOffset {
            producers = try ProducerReplay.states(
                of: segments, upTo: logEndOffset, snapshots: &snapshots, in: directory, on: disk)
        }
        if !report.cuts.isEmpty || !report.removedFiles.isEmpty { try synchronize() }
    }

    private func endOffset(of segment: LogSegment) throws(LogFailure) -> Offset {
        if let recoveredEnd { return recoveredEnd }
        var end = segment.baseOffset
        let start = try onDisk { () throws(FileSystemError) in try segment.scanStart(for: .max) }
        try segment.scan(from: start) { header, _ throws(LogFailure) in
            end = header.nextOffset
            return true
        }
        return end
    }

    /// Keeps the snapshots where segments begin and the newest one.
    private mutating func settleSnapshots() throws(LogFailure) {
        let bases = Set(segments.map(\.baseOffset))
        let newest = snapshots.last { $0 <= logEndOffset }
        for offset in snapshots where offset != newest && !(bases.contains(offset) && offset <= logEndOffset) {
            try remove(LogFileName.name(offset, LogFileName.snapshot))
        }
        snapshots.removeAll { $0 != newest && !(bases.contains($0) && $0 <= logEndOffset) }
    }

    /// What was cut or removed must not come back with the next crash, between newer records.
    private func synchronize() throws(LogFailure) {
        try onDisk { () throws(FileSystemError) in
            for segment in segments {
                for file in try segment.takeUnsynced() { try file.synchronize() }
            }
            try disk.synchronizeDirectory(directory)
        }
    }
}
