import ClusterModel
import Groups
import NIOCore
import Records
import Seams
import SegmentedLog
import WireCoding

/// A registry whose partition's log is being read. Nothing is decided in it yet.
struct GroupLoading {
    fileprivate var registry: GroupRegistry
    fileprivate var nextOffset: Offset
    let begun: Instant
    /// Topics that went meanwhile, whose offsets are to be forgotten.
    fileprivate var deletedTopics: Set<String> = []

    mutating func noteDeletion(of topics: [String]) { deletedTopics.formUnion(topics) }
}

/// Reads the records of groups back from their partitions' logs, a part in each turn: a long log must not keep others
/// waiting, who only want to produce and fetch.
extension BrokerKernel {
    /// Some milliseconds of work: what is produced and fetched meanwhile waits for no longer.
    private static let bytesPerTurn = 64 << 10

    /// Begins to load the groups of a partition that this broker has come to lead.
    mutating func beginLoadingGroups(of partition: Partition) {
        let registry = GroupRegistry(settings: settings.groups, generator: SeededGenerator(seed: generator.next()))
        groups.loading[partition.name.partition] = GroupLoading(
            registry: registry, nextOffset: partition.log.logStartOffset, begun: now)
    }

    /// Loads on where something is left to load; short logs are through at once.
    mutating func loadGroups() {
        var budget = Self.bytesPerTurn
        for index in groups.loading.keys.sorted() {
            guard budget > 0 else { return }
            guard var loading = groups.loading.removeValue(forKey: index) else { continue }
            let name = TopicPartition(topic: InternalTopics.committedOffsets, partition: index)
            guard let partition = partitions[name] else { preconditionFailure("\(name) is loaded and is not here") }
            switch replay(partition.log, into: &loading, &budget) {
            case .interrupted: groups.loading[index] = loading
            case .failed: continue
            case .through:
                takeUp(loading.registry, of: index, without: loading.deletedTopics)
                guard loading.begun < now else { continue }
                let took = Int((now - loading.begun) / .milliseconds(1))
                perform(.note("the groups of \(name) were loaded in \(took) ms"))
            }
        }
    }

    private enum ReplayEnd {
        case through
        /// The budget was used up.
        case interrupted
        /// The disk failed or the log cannot be understood, which ends the broker's service.
        case failed
    }

    /// Applies what the log holds, as long as the budget of bytes lasts.
    private mutating func replay(
        _ log: PartitionLog, into loading: inout GroupLoading, _ budget: inout Int
    ) -> ReplayEnd {
        while loading.nextOffset < log.logEndOffset {
            guard budget > 0 else { return .interrupted }
            // Older records may have gone since the last turn.
            let offset = max(loading.nextOffset, log.logStartOffset)
            let limit = budget
            let read = onLog { () throws(LogFailure) -> (ByteBuffer, Offset)? in
                let outcome = try log.read(
                    from: offset, maxBytes: limit, minOneBatch: true, upTo: log.logEndOffset, abortedIncluded: false)
                guard case .slice(let slice) = outcome, let range = slice.range else { return nil }
                return (try range.contents(), slice.nextOffset)
            }
            guard let read else { return .failed }
            guard let (bytes, nextOffset) = read else { return .through }
            budget -= bytes.readableBytes
            do {
                try apply(bytes, to: &loading.registry)
            } catch {
                perform(.stop(reason: "\(log.directory) holds records that are none of groups: \(error)"))
                return .failed
            }
            loading.nextOffset = nextOffset
        }
        return .through
    }

    private func apply(_ bytes: ByteBuffer, to registry: inout GroupRegistry) throws {
        var ignored: [GroupEffect] = []
        var batches = RecordBatches(bytes)
        while let batch = try batches.next() {
            let producer = batch.header.attributes.isTransactional ? batch.header.producerID : nil
            var records = try RecordIterator(batch)
            while let record = try records.next() {
                if batch.header.attributes.isControl {
                    guard case .endTransaction(let isCommit, _) = try ControlRecord(record) else { continue }
                    registry.apply(.transactionEnded(batch.header.producerID, isCommitted: isCommit), into: &ignored)
                } else if let key = record.key,
                    let change = try GroupRecord(key: key, value: record.value, producer: producer)
                {
                    registry.apply(change, into: &ignored)
                }
            }
        }
    }
}
