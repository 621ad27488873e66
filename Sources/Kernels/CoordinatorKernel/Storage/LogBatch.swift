import NIOCore
import WireCoding

/// What is written and synced at once: the unit that a crash leaves whole or torn.
///
/// On disk, big-endian: length of the payload (4 bytes), CRC-32C of all that follows (4), the last zxid before the
/// batch (8), its own last zxid (8), and the payload: for each entry its zxid (8), the length of its record (4) and the
/// record. A length of 0 ends the log: files are filled with zeros ahead of writing.
struct LogBatch {
    static let headerSize = 24
    /// The CRC does not cover itself and the length, which it cannot do without.
    static let checkedFrom = 8
    /// No batch is longer; a length above it is damage.
    static let largestPayload = 1 << 30

    struct Header {
        var payloadSize: Int
        var crc: UInt32
        var previousZxid: Int64
        var lastZxid: Int64

        /// nil when these bytes cannot be a header.
        init?(_ bytes: UnsafeRawBufferPointer) {
            guard bytes.count >= LogBatch.headerSize else { return nil }
            func number<Number: FixedWidthInteger>(_ position: Int, _: Number.Type) -> Number {
                Number(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: Number.self))
            }
            payloadSize = Int(number(0, UInt32.self))
            crc = number(4, UInt32.self)
            previousZxid = number(8, Int64.self)
            lastZxid = number(16, Int64.self)
            guard payloadSize > 0, payloadSize <= LogBatch.largestPayload, lastZxid > previousZxid else { return nil }
        }
    }

    /// What an entry takes up in a payload.
    static func entrySize(_ entry: LogEntry) -> Int { 12 + entry.record.readableBytes }

    /// Writes a batch of `run`, which is not empty, behind what `buffer` holds.
    static func write(_ run: LogRun, after previousZxid: Int64, into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        precondition(run.sizeInBytes <= largestPayload, "a log batch of \(run.sizeInBytes) bytes")
        precondition(!run.isEmpty, "an empty log batch after zxid \(previousZxid)")
        buffer.writeInteger(UInt32(run.sizeInBytes))
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(previousZxid)
        buffer.writeInteger(run.lastZxid)
        buffer.writeImmutableBuffer(run.payload)
        let crc = buffer.withUnsafeReadableBytes { bytes in
            crc32c(UnsafeRawBufferPointer(rebasing: bytes[(start - buffer.readerIndex + checkedFrom)...]))
        }
        buffer.setInteger(crc, at: start + 4)
    }

    /// The entries of a payload whose CRC was right.
    static func entries(of payload: ByteBuffer) throws(MalformedInput) -> [LogEntry] {
        try WireReader.read(payload) { reader throws(MalformedInput) in
            var entries: [LogEntry] = []
            while reader.remaining > 0 {
                let zxid = try reader.int64()
                entries.append(LogEntry(zxid: zxid, record: try reader.slice(Int(try reader.int32()))))
            }
            return entries
        }
    }
}
