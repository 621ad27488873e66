import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import NIOCore
import Seams
import SegmentedLog
import Testing

@Suite("Replicas that move between data directories")
struct DirectoryMoveTests {
    private func movingBench(_ change: (inout BrokerKernelSettings) -> Void = { _ in }) throws -> BrokerBench {
        let bench = try BrokerBench(directories: ["/data", "/other"], change)
        try bench.createTopic("t", configs: ["segment.bytes": "1000"])
        for value in 0..<40 { try bench.produce(batch(["v\(value)"]), to: "t") }
        bench.holdsDiskJobs = true
        return bench
    }

    private func expected(_ count: Int) -> [String] { (0..<count).map { "v\($0)" } }

    @Test("A replica is filled while it is written, takes its log's place, and the old directory goes")
    func moves() throws {
        let bench = try movingBench()
        #expect(try bench.alterLogDirs("t", to: "/other") == .none)
        #expect(try bench.logDirs("t") == ["/data": .current, "/other": .future(lag: 40)])
        try bench.performDiskJobs(atMost: 2)
        guard case .future(let lag) = try bench.logDirs("t")["/other"] else { throw Unexpected() }
        #expect(lag > 0 && lag < 40)
        for value in 40..<60 { try bench.produce(batch(["v\(value)"]), to: "t") }
        try bench.performDiskJobs()
        #expect(try bench.logDirs("t") == ["/other": .current])
        for value in 60..<65 { try bench.produce(batch(["v\(value)"]), to: "t") }
        #expect(try bench.allValues(in: "t") == expected(65))
        try bench.advance(milliseconds: 61_000)
        #expect(try bench.disk.list("/data").filter { $0.hasPrefix("t-0") }.isEmpty)
        try bench.restart()
        #expect(try bench.allValues(in: "t") == expected(65))
        #expect(bench.reports.isEmpty && bench.stopReason == nil)
    }

    private struct Unexpected: Error {}

    @Test("Whoever waits for records gets them from the new directory")
    func parkedFetch() throws {
        let bench = try movingBench()
        let waiting = try bench.send(bench.fetchRequest("t", from: 40, maxWait: 10_000))
        #expect(try bench.alterLogDirs("t", to: "/other") == .none)
        try bench.performDiskJobs()
        #expect(try bench.logDirs("t") == ["/other": .current])
        try bench.produce(batch(["late"]), to: "t")
        let told = try #require(try bench.reply(to: waiting)?.responses.first?.partitions.first)
        #expect(told.errorCode == 0 && told.highWatermark == 41)
    }

    @Test("A killed broker goes on with the move")
    func restarts() throws {
        let bench = try movingBench()
        #expect(try bench.alterLogDirs("t", to: "/other") == .none)
        try bench.performDiskJobs(atMost: 2)
        try bench.restart()
        #expect(try bench.logDirs("t")["/other"] != nil)
        try bench.performDiskJobs()
        #expect(try bench.logDirs("t") == ["/other": .current])
        #expect(try bench.allValues(in: "t") == expected(40))
    }

    @Test("No kill in any phase loses a record or leaves two logs", arguments: [false, true])
    func killedAnywhere(losesPower: Bool) throws {
        var (killed, change) = (0, 0)
        while true {
            let bench = try movingBench()
            try bench.flush("t")
            bench.disk.stop(afterChanges: change)
            _ = try bench.alterLogDirs("t", to: "/other")
            try bench.performDiskJobs()
            guard bench.disk.isStopped else { break }
            if losesPower { bench.disk.crash() } else { bench.disk.endStop() }
            try bench.restart()
            #expect(try bench.allValues(in: "t") == expected(40), "after \(change) changes")
            #expect(!bench.reports.contains { $0.contains("kept as") }, "after \(change) changes")
            try bench.performDiskJobs()
            let directories = try bench.logDirs("t")
            #expect(directories == ["/other": .current] || directories == ["/data": .current])
            #expect(try bench.allValues(in: "t") == expected(40), "moved after \(change) changes")
            killed += 1
            change += 1
        }
        #expect(killed > 50)
    }

    @Test("No faster than replica.alter.log.dirs.io.max.bytes.per.second")
    func throttled() throws {
        let bench = try movingBench()
        let key = "replica.alter.log.dirs.io.max.bytes.per.second"
        try bench.changeImage { $0.brokerConfigs[BrokerBench.brokerID] = [key: "500"] }
        let size = try bench.logSize("t")
        #expect(try bench.alterLogDirs("t", to: "/other") == .none)
        var seconds = 0
        while try bench.logDirs("t") != ["/other": .current], seconds < 100 {
            try bench.performDiskJobs()
            try bench.advance(milliseconds: 1000)
            seconds += 1
        }
        #expect(seconds >= Int(size) / 500 && seconds < Int(size) / 500 + 10)
        #expect(try bench.allValues(in: "t") == expected(40))
    }

    @Test("A move to another directory replaces one under way; to the present one cancels it")
    func changesItsMind() throws {
        let bench = try BrokerBench(directories: ["/data", "/other", "/third"])
        try bench.createTopic("t")
        try bench.produce(batch(["a"]), to: "t")
        bench.holdsDiskJobs = true
        #expect(try bench.alterLogDirs("t", to: "/other") == .none)
        #expect(try bench.alterLogDirs("t", to: "/other/") == .none)
        #expect(try bench.alterLogDirs("t", to: "/third") == .none)
        #expect(try bench.logDirs("t") == ["/data": .current, "/third": .future(lag: 1)])
        #expect(try bench.alterLogDirs("t", to: "/data") == .none)
        #expect(try bench.logDirs("t") == ["/data": .current])
        try bench.performDiskJobs()
        try bench.advance(milliseconds: 10_000)
        for path in ["/other", "/third"] {
            #expect(try !bench.disk.list(path).contains { $0.hasPrefix("t-0") })
        }
        #expect(try bench.values(in: "t") == ["a"] && bench.reports.isEmpty)
        // What a thread was doing for a move that is no more changes nothing.
        #expect(try bench.alterLogDirs("t", to: "/third") == .none)
        try bench.performDiskJobs()
        #expect(try bench.logDirs("t") == ["/third": .current])
    }

    @Test("Refusals are Apache's")
    func refusals() throws {
        let bench = try BrokerBench(directories: ["/data", "/other"])
        try bench.createTopic("t", partitions: 2)
        #expect(try bench.alterLogDirs("t", to: "/nowhere") == .logDirNotFound)
        #expect(try bench.alterLogDirs("t", to: "") == .logDirNotFound)
        #expect(try bench.alterLogDirs("t", 7, to: "/other") == .unknownTopicOrPartition)
        #expect(try bench.alterLogDirs("u", to: "/other") == .unknownTopicOrPartition)
        #expect(try bench.alterLogDirs("t", -1, to: "/other") == .unknownTopicOrPartition)
        let long = String(repeating: "x", count: 249)
        #expect(try bench.alterLogDirs(long, to: "/other") == .invalidTopicException)
        // With a directory that failed there is no telling where else a copy may be.
        try bench.produce(batch(["a"]), to: "t", 1)
        bench.disk.inject(.init(.write, suffix: "/data/t-0/00000000000000000000.log"))
        _ = try bench.produce(batch(["a"]), to: "t", 0)
        #expect(try bench.alterLogDirs("t", 1, to: "/data") == .kafkaStorageError)
        #expect(try bench.alterLogDirs("t", 0, to: "/other") == .kafkaStorageError)
    }

    @Test("A replica that is not here yet begins where it was sent")
    func remembered() throws {
        let bench = try BrokerBench(directories: ["/data", "/other"])
        let other = BrokerID(2)
        try bench.changeImage { image in
            var partition = PartitionImage(replicas: [other])
            let state = PartitionState(leader: other, leaderEpoch: 0, isr: [other], controllerEpoch: 1)
            partition.setState(state, version: 0)
            image.setTopic("t", TopicImage(id: KafkaUUID(high: 5, low: 5), partitions: [partition], configs: [:]))
        }
        #expect(try bench.alterLogDirs("t", to: "/other") == .replicaNotAvailable)
        try bench.changeImage { image in
            image.updateTopic("t") { $0.partitions[0].replicas = [other, BrokerBench.brokerID] }
        }
        #expect(try bench.logDirs("t") == ["/other": .current])
    }

    @Test("What is deleted, cut or in need of room meanwhile")
    func troubleMeanwhile() throws {
        let bench = try movingBench()
        #expect(try bench.alterLogDirs("t", to: "/other") == .none)
        try bench.performDiskJobs(atMost: 2)
        // Records that are deleted on the way do not come back.
        try bench.deleteRecords("t", before: 30)
        try bench.performDiskJobs()
        #expect(try bench.logDirs("t") == ["/other": .current])
        #expect(try bench.allValues(in: "t", from: 30) == Array(expected(40)[30...]))
        try bench.advance(milliseconds: 61_000)
        // A full disk ends the move, and nothing else.
        bench.disk.inject(.init(.write, suffix: "future/00000000000000000030.log", code: 28))
        #expect(try bench.alterLogDirs("t", to: "/data") == .none)
        try bench.performDiskJobs()
        #expect(try bench.logDirs("t") == ["/other": .current])
        #expect(bench.reports.count == 1 && bench.toldOffline.isEmpty)
        #expect(try !bench.disk.list("/data").contains { $0.hasPrefix("t-0") })
        #expect(try bench.allValues(in: "t", from: 30) == Array(expected(40)[30...]))
        // The topic goes, and what was copied with it.
        #expect(try bench.alterLogDirs("t", to: "/data") == .none)
        try bench.performDiskJobs(atMost: 1)
        #expect(try bench.deleteTopic("t") == .none)
        try bench.performDiskJobs()
        try bench.advance(milliseconds: 70_000)
        for path in ["/data", "/other"] { #expect(try !bench.disk.list(path).contains { $0.hasPrefix("t-0") }) }
        #expect(bench.stopReason == nil && bench.reports.count == 1)
    }

    @Test("A directory that fails takes what moves into it or out of it along")
    func failingDirectories() throws {
        let bench = try movingBench()
        #expect(try bench.alterLogDirs("t", to: "/other") == .none)
        try bench.performDiskJobs(atMost: 1)
        let next = try bench.disk.list("/data/t-0").filter { $0.hasSuffix(".log") }[1]
        bench.disk.inject(.init(.write, suffix: "future/" + next))
        try bench.performDiskJobs()
        #expect(bench.stopReason == nil && bench.toldOffline.isEmpty)
        #expect(try bench.allValues(in: "t") == expected(40))
        #expect(try bench.alterLogDirs("t", to: "/other") == .kafkaStorageError)
        // With the directory back, the copy goes on.
        try bench.restart()
        #expect(try bench.logDirs("t")["/other"] != nil)
        // Without its log it is not served.
        bench.disk.inject(.init(.write, suffix: ".log"))
        #expect(try bench.produce(batch(["x"]), to: "t").errorCode == ErrorCode.kafkaStorageError.rawValue)
        try bench.performDiskJobs()
        #expect(try bench.logDirs("t") == [:] && bench.stopReason == nil)
        #expect(bench.toldOffline == [TopicPartition(topic: "t", partition: 0)])
        try bench.restart()
        try bench.performDiskJobs()
        #expect(try bench.logDirs("t") == ["/other": .current])
        #expect(try bench.allValues(in: "t") == expected(40))
    }

    @Test("A compacted log is left alone while it moves, and compacted afterwards")
    func compacted() throws {
        let bench = try BrokerBench(directories: ["/data", "/other"])
        try bench.createTopic(
            "t", configs: ["cleanup.policy": "compact", "segment.bytes": "500", "min.cleanable.dirty.ratio": "0.1"])
        for value in 0..<60 { try bench.produce(keyed("k\(value % 3)", "v\(value)"), to: "t") }
        bench.holdsDiskJobs = true
        #expect(try bench.alterLogDirs("t", to: "/other") == .none)
        try bench.advance(milliseconds: 20_000)
        #expect(!bench.heldDiskJobs.contains { if case .compact = $0 { true } else { false } })
        bench.holdsDiskJobs = false
        try bench.performDiskJobs()
        #expect(try bench.logDirs("t") == ["/other": .current])
        for _ in 0..<4 { try bench.advance(milliseconds: 15_000) }
        let values = try bench.allValues(in: "t")
        #expect(values.count < 30 && values.suffix(3) == ["v57", "v58", "v59"])
    }
}

extension BrokerBench {
    enum Replica: Equatable {
        case current
        case future(lag: Int64)
    }

    fileprivate func alterLogDirs(_ topic: String, _ partition: Int32 = 0, to path: String) throws -> ErrorCode {
        var moved = AlterReplicaLogDirsRequest.AlterReplicaLogDirTopic()
        moved.name = topic
        moved.partitions = [partition]
        var directory = AlterReplicaLogDirsRequest.AlterReplicaLogDir()
        directory.path = path
        directory.topics = [moved]
        var request = AlterReplicaLogDirsRequest()
        request.dirs = [directory]
        let results = try call(request).results
        let told = try #require(results.first?.partitions.first)
        #expect(results.count == 1 && results[0].topicName == topic && told.partitionIndex == partition)
        return .of(told.errorCode)
    }

    private var describeAll: DescribeLogDirsRequest {
        var request = DescribeLogDirsRequest()
        request.topics = nil
        return request
    }

    /// Which directories have a replica of a topic's first partition.
    fileprivate func logDirs(_ topic: String) throws -> [String: Replica] {
        var found: [String: Replica] = [:]
        for result in try call(describeAll).results {
            for told in result.topics.first(where: { $0.name == topic })?.partitions ?? []
            where told.partitionIndex == 0 {
                found[result.logDir] = told.isFutureKey ? .future(lag: told.offsetLag) : .current
            }
        }
        return found
    }

    fileprivate func logSize(_ topic: String) throws -> Int64 {
        try #require(
            try call(describeAll).results.lazy.flatMap(\.topics).first { $0.name == topic }?
                .partitions.first
        ).partitionSize
    }

    fileprivate func flush(_ topic: String) throws {
        let log = try #require(kernel.partitions[TopicPartition(topic: topic, partition: 0)]?.log)
        try log.flush(at: now)
        // The topic's directory is there, and how far the log is synced is written down.
        try advance(milliseconds: 61_000)
        for path in ["/", "/data", "/other"] { try disk.synchronizeDirectory(path) }
    }

    fileprivate func deleteRecords(_ topic: String, before offset: Int64) throws {
        var partition = DeleteRecordsRequest.DeleteRecordsPartition()
        partition.offset = offset
        var deleted = DeleteRecordsRequest.DeleteRecordsTopic()
        deleted.name = topic
        deleted.partitions = [partition]
        var request = DeleteRecordsRequest()
        request.topics = [deleted]
        request.timeoutMs = 1000
        let told = try #require(try call(request).topics.first?.partitions.first)
        #expect(told.errorCode == 0 && told.lowWatermark == offset)
    }
}
