import NIOCore
import Records
import SegmentedLog
import Simulation
import Testing

@Suite struct AppendAndReadTests {
    @Test func recordsGetTheNextOffsetsAndAreReadBack() throws {
        let log = try opened(SimulatedDisk())
        let first = try #require(try log.append(batch(["a", "b"]), epoch: 3).appended)
        #expect(first.firstOffset == 0 && first.lastOffset == 1 && first.logAppendTime == -1)
        #expect(first.maxTimestamp == 1_700_000_000_001)
        let second = try #require(
            try log.append(joined(batch(["c"]), batch(["d", "e"], codec: .zstd)), epoch: 3).appended)
        #expect(second.firstOffset == 2 && second.lastOffset == 4 && log.logEndOffset == 5)
        #expect(try log.values(from: 0).map(\.value) == ["a", "b", "c", "d", "e"])
        #expect(try log.values(from: 3).map(\.offset) == [3, 4])
        #expect(try log.values(from: 0, upTo: 2).map(\.offset) == [0, 1])
        #expect(log.leaderEpochs.entries == [.init(epoch: 3, startOffset: 0)])
    }

    @Test(arguments: CompressionCodec.allCases)
    func aHeaderThatLiesAboutTheLargestTimestampIsPutRight(codec: CompressionCodec) throws {
        for (lie, type) in [(Int64.max, TimestampType.createTime), (-1, .createTime), (7, .logAppendTime)] {
            let log = try opened(SimulatedDisk(), settings { $0.timestampType = type })
            var forged = batch(["a", "b"], codec: codec)
            forged.setInteger(lie, at: forged.readerIndex + 35)
            forged.withUnsafeMutableReadableBytes { BatchRewriting.renewCRC(of: $0) }
            let largest = type == .createTime ? 1_700_000_000_001 : moment(9).unixMilliseconds
            #expect(try log.append(forged, at: moment(9)).appended?.maxTimestamp == largest)
            #expect(try log.batches().map(\.header.maxTimestamp) == [largest])
            #expect(try log.values(from: 0).map(\.value) == ["a", "b"])
        }
    }

    @Test(arguments: CompressionCodec.allCases)
    func offsetsThatAreCountedWronglyAreCountedAnew(codec: CompressionCodec) throws {
        let log = try opened(SimulatedDisk())
        try log.append(batch(["first"]))
        var builder = RecordBatchBuilder(codec: codec)
        (builder.producerID, builder.producerEpoch, builder.baseSequence) = (9, 2, 0)
        for (value, delta) in [("a", 1), ("b", 2), ("c", 7)] as [(String, Int32)] {
            builder.append(
                timestamp: 1_700_000_000_000, key: nil, value: ByteBuffer(string: value), offsetDelta: delta)
        }
        var forged = builder.finish()
        forged.setInteger(Int32(2), at: forged.readerIndex + 23)
        forged.withUnsafeMutableReadableBytes { BatchRewriting.renewCRC(of: $0) }
        #expect(try log.append(forged).appended?.lastOffset == 3)
        let read = try log.values(from: 0)
        #expect(read.map(\.value) == ["first", "a", "b", "c"] && read.map(\.offset) == [0, 1, 2, 3])
        let header = try #require(log.batches().last?.header)
        #expect(header.producerID == 9 && header.producerEpoch == 2 && header.lastSequence == 2)
        #expect(header.attributes.codec == codec)
    }

    @Test func theBatchIsStoredAsItCameButForOffsetAndEpoch() throws {
        let log = try opened(SimulatedDisk())
        try log.append(batch(["a"]))
        let sent = batch(["b", "c"], codec: .lz4)
        let copy = ByteBuffer(bytes: Array(sent.readableBytesView))
        try log.append(sent, epoch: 7)
        guard case .slice(let slice) = try log.read(from: 1, maxBytes: 1 << 20, minOneBatch: true, upTo: .max) else {
            Issue.record("offset 1 is out of range")
            return
        }
        let stored = Array(try #require(slice.range).bytes().readableBytesView)
        let expected = Array(copy.readableBytesView)
        #expect(stored.count == expected.count && stored[16...] == expected[16...])
        #expect(stored[..<8] == [0, 0, 0, 0, 0, 0, 0, 1] && stored[12..<16] == [0, 0, 0, 7])
    }

    @Test func readsAreBoundedByBytesAndByWatermark() throws {
        let log = try opened(SimulatedDisk())
        let size = batch(["0000"]).readableBytes
        for value in 0..<100 { try log.append(batch([String(1000 + value)])) }
        func read(_ maxBytes: Int, minOne: Bool, upTo bound: Int64 = .max) throws -> LogSlice {
            guard
                case .slice(let slice) = try log.read(
                    from: 10, maxBytes: maxBytes, minOneBatch: minOne, upTo: bound)
            else { throw AppendRefusal.empty }
            return slice
        }
        #expect(try read(1, minOne: false).range == nil && read(1, minOne: false).nextOffset == 10)
        #expect(try read(1, minOne: true).sizeInBytes == size && read(1, minOne: true).nextOffset == 11)
        #expect(try read(3 * size + 1, minOne: true).sizeInBytes == 3 * size)
        #expect(try read(1 << 20, minOne: true, upTo: 12).sizeInBytes == 2 * size)
        #expect(try read(1 << 20, minOne: true, upTo: 10).range == nil)
        #expect(try read(1 << 20, minOne: true).sizeInBytes == 90 * size)
        #expect(try read(1 << 20, minOne: true).nextOffset == 100)
    }

    @Test func offsetsOutsideTheLogAreOutOfRange() throws {
        let log = try opened(SimulatedDisk())
        try log.append(batch(["a", "b", "c"]))
        log.advanceHighWatermark(to: 3)
        #expect(try log.deleteRecords(before: 2))
        for offset: Int64 in [-1, 0, 1, 4, .max, .min] {
            guard
                case .outOfRange(let start, let end) = try log.read(
                    from: offset, maxBytes: 100, minOneBatch: true, upTo: .max)
            else {
                Issue.record("offset \(offset) was read")
                continue
            }
            #expect(start == 2 && end == 3)
        }
        #expect(try log.values(from: 3).isEmpty)
    }

    @Test func theLogStampsRecordsWhenToldTo() throws {
        let log = try opened(SimulatedDisk(), settings { $0.timestampType = .logAppendTime })
        let range = try #require(try log.append(batch(["a"], from: 5), at: moment(77)).appended)
        #expect(range.logAppendTime == moment(77).unixMilliseconds && range.maxTimestamp == range.logAppendTime)
        #expect(try log.values(from: 0).map(\.value) == ["a"])
        #expect(try log.firstRecord(stampedFrom: moment(77).unixMilliseconds)?.offset == 0)
    }

    @Test func aFailedWriteLeavesTheLogAsItWas() throws {
        let disk = SimulatedDisk()
        let log = try opened(disk)
        try log.append(batch(["a"]))
        disk.inject(.init(.write, suffix: ".log", code: 28))
        #expect(throws: LogFailure.self) { try log.append(batch(["b"])) }
        #expect(log.logEndOffset == 1)
        try log.append(batch(["c"]))
        #expect(try log.values(from: 0).map(\.value) == ["a", "c"])
    }

    @Test func aFailedSyncIsReported() throws {
        let disk = SimulatedDisk()
        let log = try opened(disk)
        try log.append(batch(["a"]))
        disk.inject(.init(.synchronize, suffix: ".log"))
        #expect(throws: LogFailure.self) { try log.flush(at: moment()) }
        #expect(log.recoveryPoint == 0)
    }

    @Test func aFullDiskIsReported() throws {
        let disk = SimulatedDisk(seed: 3)
        let log = try opened(disk)
        disk.limitCapacity(to: 1000)
        var taken = 0
        while (try? log.append(batch(["0123456789"]))) != nil { taken += 1 }
        #expect(taken > 5 && taken < 20 && log.logEndOffset == Int64(taken))
        disk.limitCapacity(to: .max)
        try log.append(batch(["z"]))
        #expect(try log.values(from: 0).count == taken + 1)
    }
}
