import NIOCore
import Records
import SegmentedLog
import Simulation
import Testing

/// Segments that hold messages of magic 0 and 1, written by an old broker.
@Suite struct OldFormatTests {
    /// One message, with the CRC-32 that zlib computes, bit by bit.
    static func message(_ offset: Int64, magic: UInt8, timestamp: Int64, _ value: String) -> [UInt8] {
        func bytes(_ integer: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: integer.bigEndian) { Array($0) }
        }
        var checked: [UInt8] = [magic, 0]
        if magic == 1 { checked += bytes(timestamp) }
        checked += bytes(Int32(-1)) + bytes(Int32(value.utf8.count)) + Array(value.utf8)
        var crc = UInt32.max
        for byte in checked {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xedb8_8320 }
        }
        return bytes(offset) + bytes(Int32(checked.count + 4)) + bytes(~crc) + checked
    }

    func log(magic: UInt8, on disk: SimulatedDisk) throws -> PartitionLog {
        try disk.createDirectory("/data/t-0")
        let file = try disk.open("/data/t-0/" + LogFileName.name(0, ".log"), .createNew)
        let bytes = (Int64(0)..<10).flatMap { Self.message($0, magic: magic, timestamp: 500 + $0, "old\($0)") }
        try bytes.withUnsafeBytes { try file.write($0, at: 0) }
        return try opened(disk)
    }

    @Test(arguments: [UInt8(0), 1]) func messagesAreReadAndFollowedByBatches(magic: UInt8) throws {
        let disk = SimulatedDisk()
        let log = try log(magic: magic, on: disk)
        #expect(log.logEndOffset == 10 && log.recovery.cuts.isEmpty)
        #expect(try log.values(from: 3).map(\.value) == (3..<10).map { "old\($0)" })
        #expect(try log.firstRecord(stampedFrom: 505)?.offset == (magic == 1 ? 5 : nil))
        try log.append(batch(["new"]))
        try log.flush(at: moment())
        let again = try opened(disk)
        #expect(try again.values(from: 9).map(\.value) == ["old9", "new"])
    }

    @Test func rotInAnOldMessageIsCut() throws {
        let disk = SimulatedDisk()
        _ = try log(magic: 1, on: disk).flush(at: moment())
        disk.rot("/data/t-0/" + LogFileName.name(0, ".log"), at: 3 * 38 + 36)
        #expect(try opened(disk).logEndOffset == 3)
    }
}
