import ClusterModel
import NIOCore
import Records
import SegmentedLog
import Simulation
import Testing

/// Bad input: each is refused with Apache's code, and nothing is written.
@Suite struct RefusalTests {
    /// Appends to a log with one record and sees that it stays so.
    func refuse(
        _ batches: ByteBuffer, _ change: (inout LogSettings) -> Void = { _ in },
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> AppendRefusal? {
        let disk = SimulatedDisk()
        let log = try opened(disk, settings { change(&$0) })
        try log.append(batch(["a"], from: moment().unixMilliseconds))
        let (size, changes) = (log.sizeInBytes, disk.changeCount)
        let outcome = try log.append(batches)
        #expect(log.sizeInBytes == size && log.logEndOffset == 1, sourceLocation: sourceLocation)
        #expect(disk.changeCount == changes, sourceLocation: sourceLocation)
        return outcome.refusal
    }

    /// The batch with other bytes at a place of its header; the CRC renewed when asked.
    func altered(
        _ bytes: [UInt8], at place: Int, renewing: Bool = true, codec: CompressionCodec = .none
    ) -> ByteBuffer {
        var changed = batch(["x", "y"], codec: codec)
        changed.setBytes(bytes, at: changed.readerIndex + place)
        if renewing { changed.withUnsafeMutableReadableBytes { BatchRewriting.renewCRC(of: $0) } }
        return changed
    }

    @Test func everyTruncationIsRefused() throws {
        let whole = batch(["x", "y"])
        for count in 0..<whole.readableBytes {
            let part = whole.getSlice(at: whole.readerIndex, length: count) ?? ByteBuffer()
            let refusal = try refuse(part)
            #expect(refusal != nil, "\(count) bytes were taken")
            #expect([2, 87].contains(refusal?.errorCode ?? 0))
        }
    }

    @Test func everyFlippedBitBehindTheEpochIsRefused() throws {
        let whole = batch(["x"])
        for place in 16..<whole.readableBytes {
            var changed = whole
            changed.setInteger((whole.getInteger(at: place) ?? 0) ^ UInt8(1 << (place % 8)), at: place)
            #expect(try refuse(changed) != nil, "byte \(place)")
        }
    }

    @Test func wrongChecksum() throws {
        let refusal = try refuse(altered([0, 0, 0, 0], at: 17, renewing: false))
        #expect(refusal?.errorCode == 2)
    }

    @Test(arguments: [Int8(3), 7, -1]) func unknownMagic(magic: Int8) throws {
        let refusal = try refuse(altered([UInt8(bitPattern: magic)], at: 16, renewing: false))
        #expect(refusal?.errorCode == 2 && refusal == .invalid(.unknownMagic(magic)))
    }

    @Test(arguments: [Int8(0), 1]) func oldFormats(magic: Int8) throws {
        let refusal = try refuse(altered([UInt8(magic)], at: 16, renewing: false))
        #expect(refusal?.errorCode == 2, "\(String(describing: refusal))")
    }

    @Test(arguments: [Int32.min, -1, 0, 48, .max]) func lyingLength(length: Int32) throws {
        let bytes = withUnsafeBytes(of: length.bigEndian) { Array($0) }
        #expect(try refuse(altered(bytes, at: 8, renewing: false))?.errorCode == 2)
    }

    @Test(arguments: [Int32.min, -1, 0, 1, 3, .max]) func lyingCount(count: Int32) throws {
        let bytes = withUnsafeBytes(of: count.bigEndian) { Array($0) }
        #expect(try refuse(altered(bytes, at: 57))?.errorCode == 87)
        // With two records the last one's offset is one more than the first's.
        if count != 1 { #expect(try refuse(altered(bytes, at: 23))?.errorCode == 87) }
    }

    @Test(arguments: [Int64.min, -1, 1, .max]) func forgedOffset(offset: Int64) throws {
        let bytes = withUnsafeBytes(of: offset.bigEndian) { Array($0) }
        let refusal = try refuse(altered(bytes, at: 0))
        #expect(refusal == .baseOffsetOfProducer(offset) && refusal?.errorCode == 87)
    }

    /// Header and last offset agree, but there are two records.
    @Test(arguments: [Int32(1), 3, 1000, .max], CompressionCodec.allCases)
    func countThatTheRecordsDoNotBear(count: Int32, codec: CompressionCodec) throws {
        var forged = altered(withUnsafeBytes(of: count.bigEndian) { Array($0) }, at: 57, codec: codec)
        forged.setInteger(count - 1, at: forged.readerIndex + 23)
        forged.withUnsafeMutableReadableBytes { BatchRewriting.renewCRC(of: $0) }
        let refusal = try refuse(forged)
        #expect(refusal == .invalid(.malformedRecord(index: Int(min(count, 2)))) && refusal?.errorCode == 87)
    }

    /// The first record's length, of which the others' places depend.
    @Test(arguments: [UInt8(0), 1, 2, 0x7f, 0x80, 0xff]) func recordLengthThatIsNone(length: UInt8) throws {
        #expect(try refuse(altered([length], at: 61))?.errorCode == 87)
    }

    @Test(arguments: [CompressionCodec.gzip, .snappy, .lz4, .zstd])
    func whatIsNotCompressedAsItSays(codec: CompressionCodec) throws {
        let refusal = try refuse(altered([0, codec.rawValue], at: 21))
        #expect(refusal == .invalid(.corruptCompression(codec)) && refusal?.errorCode == 87)
        var cut = batch(["x", "y"], codec: codec)
        cut.moveWriterIndex(to: cut.writerIndex - 1)
        cut.setInteger(Int32(cut.readableBytes - 12), at: cut.readerIndex + 8)
        cut.withUnsafeMutableReadableBytes { BatchRewriting.renewCRC(of: $0) }
        #expect(try refuse(cut)?.errorCode == 87)
    }

    /// A batch that is small, of a record that is as large as it says.
    @Test(arguments: [CompressionCodec.gzip, .lz4, .zstd]) func bombs(codec: CompressionCodec) throws {
        let limit = CompressionCodec.defaultLimitInBytes
        var builder = RecordBatchBuilder(codec: codec)
        builder.append(timestamp: 0, key: ByteBuffer(string: "k"), value: nil)
        var bomb = builder.finish()
        bomb.moveWriterIndex(to: bomb.readerIndex + RecordBatchHeader.sizeInBytes)
        // The length of the record, no attributes, the first in time and place, a key, and the length of the value.
        var head: [UInt8] = []
        for number in [limit + 11, 0, 0] { head += varint(number) }
        head += [0] + varint(1) + Array("k".utf8) + varint(limit)
        head.withUnsafeBytes { codec.compress($0, into: &bomb) }
        var frame = ByteBuffer()
        [UInt8](repeating: 0, count: 1 << 20).withUnsafeBytes { codec.compress($0, into: &frame) }
        for _ in 0..<limit >> 20 { bomb.writeImmutableBuffer(frame) }
        bomb.setInteger(Int32(bomb.readableBytes - 12), at: bomb.readerIndex + 8)
        bomb.withUnsafeMutableReadableBytes { BatchRewriting.renewCRC(of: $0) }
        let refusal = try refuse(bomb) { $0.maxBatchSizeInBytes = bomb.readableBytes }
        #expect(refusal == .invalid(.tooLarge(limitInBytes: limit)) && refusal?.errorCode == 10)
    }

    /// As records have them.
    private func varint(_ number: Int) -> [UInt8] {
        var rest = number << 1
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    @Test func unknownCodec() throws {
        #expect(try refuse(altered([0, 5], at: 21))?.errorCode == 76)
    }

    @Test func sizes() throws {
        let large = batch([String(repeating: "x", count: 1000)])
        #expect(try refuse(large) { $0.maxBatchSizeInBytes = 1000 }?.errorCode == 10)
        #expect(try refuse(large) { $0.segmentSizeInBytes = 1000 }?.errorCode == 18)
        let log = try opened(SimulatedDisk(), settings { $0.maxBatchSizeInBytes = large.readableBytes })
        #expect(try log.append(large).appended != nil)
    }

    @Test func oneBadBatchRefusesAll() throws {
        #expect(try refuse(joined(batch(["x"]), altered([0], at: 61, renewing: false)))?.errorCode == 2)
        #expect(try refuse(joined(batch(["x"]), ByteBuffer(bytes: [0])))?.errorCode == 2)
    }

    @Test func controlBatchesAreTheBrokers() throws {
        #expect(try refuse(marker(producer: 1, epoch: 0, isCommit: true)) == .controlBatchFromClient)
    }

    @Test func compactedTopicsNeedKeys() throws {
        let refusal = try refuse(batch(["x"], keys: false, codec: .gzip)) { $0.cleanupPolicy = .compact }
        #expect(refusal == .keysMissing(recordIndexes: [0]) && refusal?.errorCode == 87)
        #expect(refusal?.recordErrors.map(\.message) == ["Compacted topic cannot accept message without key"])
    }

    @Test(arguments: CompressionCodec.allCases)
    func timestampsOfAllRecordsCount(codec: CompressionCodec) throws {
        let now = moment().unixMilliseconds
        // Of the records that are made one after the other, the last is too late.
        var forged = batch(["x", "y", "z"], codec: codec, from: now + 9)
        forged.setInteger(now, at: forged.readerIndex + 35)
        forged.withUnsafeMutableReadableBytes { BatchRewriting.renewCRC(of: $0) }
        let refusal = try refuse(forged) { $0.timestampAfterLimitInMilliseconds = 10 }
        #expect(refusal?.errorCode == 32 && refusal?.recordErrors.map(\.recordIndex) == [2])
    }

    @Test func timestampsNearTheClock() throws {
        let change: (inout LogSettings) -> Void = {
            $0.timestampBeforeLimitInMilliseconds = 10
            $0.timestampAfterLimitInMilliseconds = 10
        }
        for difference: Int64 in [-11, 11] {
            let refusal = try refuse(batch(["x"], from: moment(difference).unixMilliseconds), change)
            #expect(refusal?.errorCode == 32)
        }
        #expect(try refuse(batch(["x"], from: .max), change)?.errorCode == 32)
        // What the header says of the largest is not believed.
        var forged = batch(["x"], from: moment(11).unixMilliseconds)
        forged.setInteger(moment().unixMilliseconds, at: forged.readerIndex + 35)
        forged.withUnsafeMutableReadableBytes { BatchRewriting.renewCRC(of: $0) }
        let refusal = try refuse(forged) { $0.timestampAfterLimitInMilliseconds = 10 }
        let now = moment().unixMilliseconds
        #expect(refusal?.errorCode == 32)
        #expect(refusal?.description == "One or more records have been rejected due to invalid timestamp")
        #expect(refusal?.recordErrors.map(\.recordIndex) == [0])
        #expect(
            refusal?.recordErrors.first?.message.hasPrefix(
                "Timestamp \(now + 11) of message with offset 0 is out of range. The timestamp should be within [")
                == true)
        #expect(refusal?.recordErrors.first?.message.hasSuffix(", \(now + 10)]") == true)
        let log = try opened(SimulatedDisk(), settings { change(&$0) })
        #expect(try log.append(batch(["x"], from: moment(10).unixMilliseconds)).appended != nil)
    }

    @Test func producersThatMakeNoSense() throws {
        for (id, epoch, sequence) in [(1, -1, 0), (1, 0, -1)] as [(Int64, Int16, Int32)] {
            let refusal = try refuse(batch(["x"], producer: id, epoch: epoch, sequence: sequence))
            #expect(refusal?.errorCode == 87)
        }
        #expect(try refuse(batch(["x"], isTransactional: true))?.errorCode == 87)
    }
}
