import ClusterModel
import SegmentedLog
import Simulation
import Testing

/// A data directory with several partitions, over crashes at any point of its upkeep.
@Suite struct DirectoryRecoveryTests {
    final class Life {
        let disk: SimulatedDisk
        var random: SeededRandom
        var data: LogDirectory
        /// The values that are known to be in each partition, the synced ones of them, and whether it is known to be.
        var values: [TopicPartition: [String]] = [:]
        var synced: [TopicPartition: Int] = [:]
        var isThere: [TopicPartition: Bool] = [:]
        let partitions = (0..<3).map { TopicPartition(topic: "t", partition: $0) }

        init(seed: UInt64) throws {
            disk = SimulatedDisk(seed: seed)
            random = SeededRandom(seed: ~seed)
            try disk.createDirectory("/data")
            try disk.synchronizeDirectory("/")
            data = try Self.opened(disk)
        }

        static func opened(_ disk: SimulatedDisk) throws -> LogDirectory {
            let owner = LogDirectory.Owner(
                brokerID: BrokerID(1), clusterID: "c", newDirectoryID: KafkaUUID(high: 1, low: 2))
            return try LogDirectory("/data", fileSystem: disk, owner: owner, at: moment()) { _ in settings }
        }

        static let settings = SegmentedLogTests.settings(segment: 400) {
            $0.indexIntervalInBytes = 100
            $0.fileDeleteDelayInMilliseconds = 0
        }

        func step() throws {
            let partition = partitions[Int.random(in: 0..<3, using: &random)]
            switch Int.random(in: 0..<16, using: &random) {
            case 0: try data.writeRecoveryPoints()
            case 1: try data.writeHighWatermarks()
            case 2: try data.removeDeletedFiles(at: moment())
            case 3:
                guard data.logs[partition] != nil else { break }
                isThere[partition] = nil
                synced[partition] = 0
                try data.delete(partition, uniqueID: KafkaUUID(high: 0, low: random.next()), at: moment())
                isThere[partition] = false
                values[partition] = []
            case 4...6:
                try data.logs[partition]?.flush(at: moment())
                synced[partition] = values[partition]?.count
            default:
                if data.logs[partition] == nil {
                    isThere[partition] = nil
                    _ = try data.create(
                        partition, topicID: KafkaUUID(high: 5, low: 6), settings: Self.settings, at: moment())
                    isThere[partition] = true
                }
                let value = "\(partition)-\(random.next() % 100_000)"
                values[partition, default: []].append(value)
                guard let log = data.logs[partition], try log.append(batch([value])).appended != nil else {
                    throw AppendRefusal.empty
                }
                log.advanceHighWatermark(to: log.logEndOffset - 1)
            }
        }

        func restart() throws {
            data = try Self.opened(disk)
            for partition in partitions {
                let log = data.logs[partition]
                if let expected = isThere[partition] { #expect((log != nil) == expected, "\(partition)") }
                let found = try log?.values(from: 0).map(\.value) ?? []
                #expect(found.count >= synced[partition] ?? 0)
                #expect(found == Array((values[partition] ?? []).prefix(found.count)), "\(partition)")
                isThere[partition] = log != nil
                values[partition] = found
                try log?.flush(at: moment())
                synced[partition] = found.count
            }
        }
    }

    @Test(arguments: UInt64(0)..<80) func partitionsComeBack(seed: UInt64) throws {
        let life = try Life(seed: seed)
        for _ in 0..<4 {
            life.disk.stop(afterChanges: Int.random(in: 0..<400, using: &life.random))
            do {
                for _ in 0..<Int.random(in: 10..<80, using: &life.random) { try life.step() }
                if Bool.random(using: &life.random) {
                    try life.data.close(at: moment())
                    for partition in life.partitions { life.synced[partition] = life.values[partition]?.count }
                }
            } catch is LogFailure {
                // The disk stopped: the crash.
            }
            life.disk.crash()
            try life.restart()
        }
    }
}
