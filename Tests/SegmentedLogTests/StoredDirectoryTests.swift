import ClusterModel
import SegmentedLog
import Simulation
import Testing

/// A data directory that Apache Kafka 3.9 wrote, with five codecs, transactions and two leader epochs.
@Suite struct StoredDirectoryTests {
    static let ends: [String: Offset] = [
        "__consumer_offsets-0": 0, "__consumer_offsets-1": 6, "__consumer_offsets-2": 0, "__transaction_state-0": 7,
        "__transaction_state-1": 14, "assigned-0": 96, "compacted-0": 1500, "orders-0": 426, "orders-1": 226,
        "orders-2": 224, "orders-3": 224,
    ]

    func opened(_ disk: SimulatedDisk) throws -> LogDirectory {
        try LogDirectory("/data", fileSystem: disk, owner: StoredDirectory.owner, at: moment()) { _ in
            // As that broker was set.
            settings { $0.indexIntervalInBytes = 4096 }
        }
    }

    @Test func itOpensAsItIs() throws {
        let data = try opened(try StoredDirectory.copied())
        #expect(data.wasClosed && data.metaProperties.directoryID == nil)
        let ends = data.logs.map { ($0.key.description, $0.value.logEndOffset) }
        #expect(Dictionary(uniqueKeysWithValues: ends) == Self.ends)
        #expect(data.topicIDs.count == Self.ends.count)
        for (partition, log) in data.logs {
            #expect(log.recovery == RecoveryReport(), "\(partition)")
            #expect(log.highWatermark == log.logEndOffset && log.lastStableOffset == log.logEndOffset)
            #expect(log.recoveryPoint == log.logEndOffset)
        }
        let orders = try #require(data.logs[TopicPartition(topic: "orders", partition: 0)])
        #expect(orders.segmentCount == 3 && orders.leaderEpochs.latest == 1)
        #expect(try orders.values(from: 0).map(\.offset) == Array(0..<426))
        #expect(try orders.firstRecord(stampedFrom: 1_700_000_100_000)?.offset == 100)
    }

    @Test func transactionsAreKnown() throws {
        let data = try opened(try StoredDirectory.copied())
        let log = try #require(data.logs[TopicPartition(topic: "assigned", partition: 0)])
        guard
            case .slice(let slice) = try log.read(
                from: 0, maxBytes: 1 << 20, minOneBatch: true, upTo: log.lastStableOffset, abortedIncluded: true)
        else {
            Issue.record("offset 0 is out of range")
            return
        }
        #expect(slice.abortedTransactions.count == 2)
        #expect(log.activeProducers.count == 3)
    }

    /// Reading all again comes to what Apache's broker wrote down while appending.
    @Test func rebuiltIndexesAreApaches() throws {
        let disk = try StoredDirectory.copied()
        let before = try contents(disk)
        try disk.remove("/data/.kafka_cleanshutdown")
        try disk.remove("/data/recovery-point-offset-checkpoint")
        for path in before.keys where path.hasSuffix(".snapshot") { try disk.remove(path) }
        let data = try opened(disk)
        for (partition, log) in data.logs {
            #expect(log.recovery.scannedSegments == log.segmentCount && log.recovery.cuts.isEmpty, "\(partition)")
            #expect(log.logEndOffset == Self.ends[partition.description])
        }
        try data.close(at: moment())
        let after = try contents(disk)
        for (path, bytes) in before where !path.hasSuffix(".snapshot") && path.contains("/0") {
            #expect(after[path] == bytes, "\(path)")
        }
        let snapshot = "/data/assigned-0/" + LogFileName.name(96, LogFileName.snapshot)
        // Apache's broker writes producers in the order of a hash table.
        let stored = try #require(before[snapshot].flatMap(ProducerSnapshot.read))
        var rebuilt = try #require(after[snapshot].flatMap(ProducerSnapshot.read))
        // Apache's brokers do not keep these.
        for place in rebuilt.indices { rebuilt[place].earlierBatches = [] }
        #expect(rebuilt == stored.sorted { $0.producerID < $1.producerID })
    }

    /// All files in the partitions' directories.
    private func contents(_ disk: SimulatedDisk) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for partition in Self.ends.keys {
            for name in try disk.list("/data/" + partition) {
                let path = "/data/" + partition + "/" + name
                files[path] = try disk.contents(of: path)
            }
        }
        return files
    }
}
