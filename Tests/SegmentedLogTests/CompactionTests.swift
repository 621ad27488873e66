import ClusterModel
import NIOCore
import Records
import Seams
import SegmentedLog
import Simulation
import Testing

/// Settings of a compacted topic with small segments, cleaned whatever little is new.
func compacted(segment: Int = 400, _ change: (inout LogSettings) -> Void = { _ in }) -> LogSettings {
    settings(segment: segment) {
        $0.cleanupPolicy = .compact
        $0.minCleanableRatio = 0
        $0.deleteRetentionInMilliseconds = 1000
        change(&$0)
    }
}

/// A batch of keys and values; a nil value is a tombstone.
func keyed(
    _ pairs: [(String, String?)], codec: CompressionCodec = .none, from timestamp: Int64 = 1_700_000_000_000,
    producer: ProducerID = -1, sequence: Int32 = -1, isTransactional: Bool = false
) -> ByteBuffer {
    var builder = RecordBatchBuilder(attributes: BatchAttributes(codec: codec, isTransactional: isTransactional))
    builder.producerID = producer
    builder.producerEpoch = producer < 0 ? -1 : 0
    builder.baseSequence = sequence
    for (place, (key, value)) in pairs.enumerated() {
        builder.append(
            timestamp: timestamp + Int64(place), key: ByteBuffer(string: key),
            value: value.map(ByteBuffer.init(string:)),
            headers: [RecordHeader(name: "h", value: nil)])
    }
    return builder.finish()
}

extension PartitionLog {
    /// Does a round of compaction as a broker does, when there is anything to compact.
    /// - Returns: whether there was.
    @discardableResult
    func compact(at now: Instant = moment(), limits: CleaningLimits = CleaningLimits()) throws -> Bool {
        guard let found = try cleanability(at: now), found.isDue else { return false }
        if let flush = try flushBeforeCleaning(upTo: found.bound) {
            try flush.perform()
            finishFlush(flush, at: now)
            rememberRecoveryPoint()
        }
        let round = try beginCleaning(found, limits: limits, secret: (1, 2), at: now)
        var segments: [CleanedSegment] = []
        let end = try round.perform(pace: { _ in }, done: { segments.append($0) })
        for segment in segments { try swapIn(segment, of: round, at: now) }
        _ = try endCleaning(round, cleanedUpTo: end)
        return true
    }

    /// All batches, decoded.
    func batches() throws -> [RecordBatch] {
        var found: [RecordBatch] = []
        var next = logStartOffset
        while case .slice(let slice) = try read(from: next, maxBytes: 1 << 20, minOneBatch: true, upTo: .max),
            let range = slice.range, slice.nextOffset > next
        {
            var batches = RecordBatches(try range.bytes())
            while let batch = try batches.next() {
                try batch.checkCRC()
                found.append(batch)
            }
            next = slice.nextOffset
        }
        return found
    }

    /// All records that are no markers, in order.
    func records() throws -> [Record] {
        try batches().filter { !$0.header.attributes.isControl }.flatMap { try $0.records() }
    }

    /// Each record as `offset:key=value`, with `-` for a tombstone.
    func summary() throws -> [String] {
        try records().map { record in
            let value = record.value.map { String(buffer: $0) } ?? "-"
            return "\(record.offset):\(record.key.map { String(buffer: $0) } ?? "")=\(value)"
        }
    }
}

@Suite struct CompactionTests {
    @Test func ofEachKeyTheLastRecordStays() throws {
        let log = try opened(SimulatedDisk(), compacted(segment: 130))
        try log.append(keyed([("a", "1"), ("b", "1")]))
        try log.append(keyed([("a", "2"), ("c", "1")]))
        try log.append(keyed([("b", "2")]))
        try log.append(keyed([("a", "3")]))
        log.advanceHighWatermark(to: log.logEndOffset)
        #expect(log.segmentCount == 4)
        #expect(try log.compact())
        // The last batch is in the active segment, which is never compacted and so does not count.
        #expect(try log.summary() == ["2:a=2", "3:c=1", "4:b=2", "5:a=3"])
        #expect(log.cleanedUpTo == 5)
        #expect(try !log.compact())
        #expect(try log.values(from: 0).map(\.offset) == [2, 3, 4, 5])
    }

    @Test func aBatchThatStaysWholeIsTheSameBytes() throws {
        let log = try opened(SimulatedDisk(), compacted(segment: 130))
        try log.append(keyed([("a", "1"), ("b", "1")], codec: .zstd))
        try log.append(keyed([("c", "1"), ("d", "1")], codec: .lz4))
        try log.append(keyed([("a", "2")]))
        try log.append(keyed([("x", "1")]))
        log.advanceHighWatermark(to: log.logEndOffset)
        let before = try log.batches()
        try log.compact()
        let after = try log.batches()
        #expect(after.count == 4)
        #expect(after[1].bytes == before[1].bytes && after[2].bytes == before[2].bytes)
        // Of the first batch one record is left: its offset, codec, headers and the batch's ends are as before.
        #expect(after[0].header.attributes.codec == .zstd)
        #expect(after[0].header.baseOffset == 0 && after[0].header.lastOffset == 1 && after[0].header.recordCount == 1)
        #expect(try after[0].records() == Array(before[0].records()[1...]))
    }

    @Test func tombstonesStayUntilTheirHorizon() throws {
        let log = try opened(SimulatedDisk(), compacted(segment: 150))
        try log.append(keyed([("a", "1"), ("b", "1")]))
        try log.append(keyed([("a", nil), ("c", "1")]))
        try log.append(keyed([("d", "1")]))
        log.advanceHighWatermark(to: log.logEndOffset)
        try log.compact(at: moment(0))
        #expect(try log.summary() == ["1:b=1", "2:a=-", "3:c=1", "4:d=1"])
        let marked = try log.batches()[1].header
        #expect(marked.deleteHorizon == moment(1000).unixMilliseconds)
        // Timestamps stay what they were, though the base they are counted from is another.
        #expect(try log.records()[1].timestamp == 1_700_000_000_000)
        try log.append(keyed([("e", "1")]))
        log.advanceHighWatermark(to: log.logEndOffset)
        try log.compact(at: moment(999))
        #expect(try log.summary().contains("2:a=-"))
        try log.append(keyed([("f", "1"), ("f", "2")]))
        try log.append(keyed([("f", "3")]))
        log.advanceHighWatermark(to: log.logEndOffset)
        try log.compact(at: moment(1000))
        #expect(try !log.summary().contains("2:a=-"))
        #expect(try log.summary().contains("3:c=1"))
    }

    @Test func theActiveSegmentAndWhatIsUncommittedStay() throws {
        let log = try opened(SimulatedDisk(), compacted(segment: 150))
        for value in 0..<6 { try log.append(keyed([("a", String(value)), ("b", String(value))])) }
        log.advanceHighWatermark(to: 5)
        try log.compact()
        #expect(log.cleanedUpTo == 4)
        #expect(try log.summary().first == "2:a=1")
        #expect(try log.summary().count == 10)
    }

    @Test func transactionsThatWereRolledBackGoAndTheirMarkersFollow() throws {
        let log = try opened(SimulatedDisk(), compacted(segment: 200))
        try log.append(keyed([("a", "0"), ("b", "0")]))
        try log.append(keyed([("a", "lost")], producer: 7, sequence: 0, isTransactional: true))
        _ = try log.append(
            marker(producer: 7, epoch: 0, isCommit: false), leaderEpoch: 0, origin: .broker,
            inspector: RecordInspector(), at: moment())
        try log.append(keyed([("a", "1"), ("b", "1")], producer: 7, sequence: 1, isTransactional: true))
        _ = try log.append(
            marker(producer: 7, epoch: 0, isCommit: true), leaderEpoch: 0, origin: .broker,
            inspector: RecordInspector(), at: moment())
        try log.append(keyed([("c", "1"), ("d", "1")]))
        try log.append(keyed([("e", "1"), ("f", "1")]))
        log.advanceHighWatermark(to: log.logEndOffset)
        try log.compact()
        #expect(try !log.summary().contains { $0.contains("lost") || $0.hasSuffix("=0") })
        #expect(try log.summary().starts(with: ["4:a=1", "5:b=1"]))
        // The markers stay in this round, for readers that are in the middle of the transactions.
        #expect(try log.batches().filter { $0.header.attributes.isControl }.map(\.header.baseOffset) == [3, 6])
        for round in 1...2 {
            try log.append(keyed([("g", "1"), ("h", "1")]))
            try log.append(keyed([("i", "1"), ("j", "1")]))
            log.advanceHighWatermark(to: log.logEndOffset)
            try log.compact(at: moment(Int64(round) * 2000))
        }
        // The rolled back one's went a horizon after its records; the other's stays as long as its records do.
        #expect(try log.batches().filter { $0.header.attributes.isControl }.map(\.header.baseOffset) == [6])
    }

    @Test func aProducersLastBatchStaysThoughItIsEmpty() throws {
        let disk = SimulatedDisk()
        let log = try opened(disk, compacted(segment: 150))
        try log.append(keyed([("a", "1"), ("a", "2")], producer: 7, sequence: 0))
        try log.append(keyed([("a", "3"), ("b", "1")]))
        try log.append(keyed([("c", "3"), ("b", "1")]))
        log.advanceHighWatermark(to: log.logEndOffset)
        try log.compact()
        let first = try #require(try log.batches().first?.header)
        #expect(first.recordCount == 0 && first.producerID == 7 && first.lastOffset == 1 && first.lastSequence == 1)
        // Also for a broker that has only the files.
        try log.close(at: moment())
        try disk.remove("/data/t-0/00000000000000000006.snapshot")
        let again = try opened(disk, compacted(segment: 150), LogCheckpoint(recoveryPoint: 4, wasClosed: false))
        guard case .duplicate = try again.append(keyed([("a", "1"), ("a", "2")], producer: 7, sequence: 0)) else {
            Issue.record("a repeated batch was taken")
            return
        }
    }

    @Test func lagsAndRatiosAreObeyed() throws {
        let lagging = try opened(SimulatedDisk(), compacted(segment: 150) { $0.minCompactionLagInMilliseconds = 100 })
        for place in 0..<4 {
            try lagging.append(keyed([("a", "1"), ("b", "1")], from: moment(Int64(place) * 50).unixMilliseconds))
        }
        lagging.advanceHighWatermark(to: lagging.logEndOffset)
        #expect(try lagging.cleanability(at: moment(160))?.bound == 4)
        let wanting = try opened(
            SimulatedDisk(),
            compacted(segment: 150) {
                $0.minCleanableRatio = 1
                $0.maxCompactionLagInMilliseconds = 500
            })
        for _ in 0..<3 { try wanting.append(keyed([("a", "1"), ("b", "1")])) }
        wanting.advanceHighWatermark(to: wanting.logEndOffset)
        #expect(try wanting.cleanability(at: moment(400))?.isDue == false)
        #expect(try wanting.cleanability(at: moment(600))?.isDue == true)
    }

    @Test func aSmallMapTakesSeveralRounds() throws {
        let log = try opened(SimulatedDisk(), compacted(segment: 300))
        for value in 0..<40 {
            try log.append(keyed([("k\(value % 13)", String(value)), ("k\(value % 5)", "x\(value)")]))
        }
        log.advanceHighWatermark(to: log.logEndOffset)
        var limits = CleaningLimits()
        limits.dedupeBufferSizeInBytes = 24 * 6
        var rounds = 0
        while try log.compact(limits: limits) { rounds += 1 }
        #expect(rounds > 2)
        #expect(try log.latestValues() == expectedLatest(40))
    }

    private func expectedLatest(_ count: Int) -> [String: String] {
        var latest: [String: String] = [:]
        for value in 0..<count {
            latest["k\(value % 13)"] = String(value)
            latest["k\(value % 5)"] = "x\(value)"
        }
        return latest
    }

    @Test func rottenSegmentsAreNotRewritten() throws {
        let disk = SimulatedDisk()
        let log = try opened(disk, compacted(segment: 150))
        for _ in 0..<4 { try log.append(keyed([("a", "1"), ("b", "1")])) }
        log.advanceHighWatermark(to: log.logEndOffset)
        disk.rot("/data/t-0/00000000000000000002.log", at: 70)
        #expect(throws: LogFailure.self) { try log.compact() }
    }

    @Test func aRoundEndsWhenItsLogIsCut() throws {
        let log = try opened(SimulatedDisk(), compacted(segment: 150))
        for _ in 0..<4 { try log.append(keyed([("a", "1"), ("b", "1")])) }
        log.advanceHighWatermark(to: log.logEndOffset)
        try log.flush(at: moment())
        log.rememberRecoveryPoint()
        let found = try #require(try log.cleanability(at: moment()))
        let round = try log.beginCleaning(found, limits: CleaningLimits(), secret: (1, 2), at: moment())
        var segments: [CleanedSegment] = []
        let end = try round.perform(pace: { _ in }, done: { segments.append($0) })
        try log.truncateFully(startingAt: 100, at: moment())
        for segment in segments { try log.swapIn(segment, of: round, at: moment()) }
        #expect(try !log.endCleaning(round, cleanedUpTo: end))
        #expect(log.logStartOffset == 100 && log.logEndOffset == 100 && log.cleanedUpTo != end)
    }
}

extension PartitionLog {
    /// What a reader of the whole log knows of each key at the end.
    func latestValues() throws -> [String: String] {
        var latest: [String: String] = [:]
        for record in try records() {
            latest[String(buffer: record.key ?? ByteBuffer())] = record.value.map { String(buffer: $0) }
        }
        return latest
    }
}
