import ClusterModel
import Seams
import SegmentedLog

/// How a broker compacts, with Apache Kafka's defaults.
package struct CompactionSettings: Sendable {
    /// `log.cleaner.enable`
    package var isEnabled = true
    /// `log.cleaner.backoff.ms`
    package var backoff = Duration.milliseconds(15_000)
    /// `log.cleaner.io.max.bytes.per.second`
    package var bytesPerSecond = Double.greatestFiniteMagnitude
    package var limits = CleaningLimits()

    package init() {}
}

/// Which log is compacted now, and when to look for the next one.
struct Compaction {
    private enum State {
        /// Until then nothing is looked for.
        case idle(until: Instant)
        /// The log is flushed, for compaction must not touch what a recovery would read again.
        case flushing(TopicPartition)
        case underWay(TopicPartition)
    }

    private var state: State
    fileprivate let settings: CompactionSettings

    init(settings: CompactionSettings, at now: Instant) {
        self.settings = settings
        state = .idle(until: settings.isEnabled ? now + settings.backoff : .never)
    }

    var nextDeadline: Instant { if case .idle(let until) = state { until } else { .never } }

    fileprivate mutating func begin(flushing partition: TopicPartition) { state = .flushing(partition) }
    fileprivate mutating func begin(_ partition: TopicPartition) { state = .underWay(partition) }

    fileprivate func isFlushing(_ partition: TopicPartition) -> Bool {
        if case .flushing(partition) = state { true } else { false }
    }

    /// There may be more to do at once.
    fileprivate mutating func end(at now: Instant) { state = .idle(until: now) }
    fileprivate mutating func rest(at now: Instant) { state = .idle(until: now + settings.backoff) }
}

extension BrokerKernel {
    /// Compacts the log that needs it most, when it is time to look.
    mutating func compactWhenDue() {
        guard compaction.nextDeadline <= now else { return }
        guard let (partition, found) = filthiestLog() else { return compaction.rest(at: now) }
        let flush = onLog { () throws(LogFailure) in try partition.log.flushBeforeCleaning(upTo: found.bound) }
        guard let flush else { return compaction.rest(at: now) }
        if let flush {
            compaction.begin(flushing: partition.name)
            return perform(.onDiskThread(.flush(partition.name, flush)))
        }
        begin(found, of: partition)
    }

    /// The log of which the largest part is new among those that are to be compacted. One that moves to another
    /// directory is compacted there: its copy was made of what was compacted so far.
    private mutating func filthiestLog() -> (Partition, Cleanability)? {
        var filthiest: (partition: Partition, found: Cleanability)?
        let compacted = partitions.values.filter {
            $0.log.settings.cleanupPolicy.contains(.compact) && !moves.contains($0.name)
        }
        for partition in compacted.sorted(by: { $0.name < $1.name }) {
            let found = onLog { [now] () throws(LogFailure) in try partition.log.cleanability(at: now) }
            guard let found, let found, found.isDue, found.dirtyRatio > filthiest?.found.dirtyRatio ?? -1 else {
                continue
            }
            filthiest = (partition, found)
        }
        return filthiest
    }

    private mutating func begin(_ found: Cleanability, of partition: Partition) {
        let secret = (generator.next(), generator.next())
        let round = onLog { [now, compaction] () throws(LogFailure) in
            try partition.log.beginCleaning(found, limits: compaction.settings.limits, secret: secret, at: now)
        }
        guard let round else { return compaction.rest(at: now) }
        compaction.begin(partition.name)
        perform(.onDiskThread(.compact(partition.name, round)))
    }

    /// Makes compaction end that is under way; before disk threads are to stop.
    package mutating func cancelCompaction() {
        for partition in partitions.values { partition.log.cancelCleaning() }
    }

    /// Takes up what a disk thread has done.
    mutating func receive(_ news: DiskNews) {
        switch news {
        case .flushed(let name, let flush, let failure): finish(flush, of: name, failure)
        case .segmentCompacted(let name, let round, let segment):
            guard let log = partitions[name]?.log else { return }
            _ = onLog { [now] () throws(LogFailure) in try log.swapIn(segment, of: round, at: now) }
            keepAnEye(on: name)
        case .copied(let name, let future, let step, let result): receive(result, of: step, into: future, of: name)
        case .compactionEnded(let name, let round, let result):
            compaction.end(at: now)
            guard let log = partitions[name]?.log else { return }
            end(round, of: log, name, result)
            keepAnEye(on: name)
        case .digested(let ticket, let results): answerDigest(ticket, results)
        }
    }

    private mutating func keepAnEye(on name: TopicPartition) {
        if let partition = partitions[name] { upkeep.note(partition) }
    }

    private mutating func finish(_ flush: LogFlush, of name: TopicPartition, _ failure: FileSystemError?) {
        let isForCompaction = compaction.isFlushing(name)
        if isForCompaction { compaction.end(at: now) }
        // The log of before a move to another directory has nothing to do with that of after it.
        guard let partition = partitions[name], partition.log.directory == flush.directory else { return }
        if let failure { return logFailures.append(.disk(failure)) }
        partition.log.finishFlush(flush, at: now)
        // Another segment may have ended meanwhile.
        upkeep.note(partition)
        step(partition, .synced(upTo: partition.log.recoveryPoint))
        guard isForCompaction else { return }
        _ = onLog { [logStore] () throws(LogFailure) in try logStore.writeRecoveryPoints() }
    }

    private mutating func end(
        _ round: LogCleaning, of log: PartitionLog, _ name: TopicPartition, _ result: Result<Offset?, LogFailure>
    ) {
        switch result {
        case .success(let end):
            _ = onLog { [logStore] () throws(LogFailure) in
                if try log.endCleaning(round, cleanedUpTo: end) { try logStore.writeCleanedOffsets() }
            }
        case .failure(.corrupt(let path, let position, let reason)):
            log.markUncleanable(round)
            perform(
                .report(
                    "\(name) is not compacted any more until the next start: \(path) is corrupt at byte \(position): "
                        + reason))
        case .failure(.disk(let error)):
            log.cancelCleaning()
            logFailures.append(.disk(error))
        }
    }
}
