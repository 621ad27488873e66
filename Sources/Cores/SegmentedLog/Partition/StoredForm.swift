import NIOCore
import Records

/// The form in which a log keeps what producers send: batches of magic 2, in the codec of `compression.type`.
enum StoredForm {
    /// The same batches in that form; the bytes themselves when they are in it already, as nearly all are.
    static func of(
        _ batches: ByteBuffer, compression: LogSettings.Compression?
    ) throws(AppendRefusal) -> ByteBuffer {
        let isOld = FormatConversion.isOld(batches)
        guard isOld || compression != nil else { return batches }
        return try AppendRefusal.ifInvalid { () throws(InvalidRecords) in
            let upgraded = isOld ? try FormatConversion.upgraded(batches) : batches
            guard let compression else { return upgraded }
            return try recompressed(upgraded, compression)
        }
    }

    /// Batches of which some count their records' offsets wrongly, counted rightly; a consumer would find records
    /// twice or not at all. Apache Kafka does it for compressed batches, for clients of old that knew no better.
    static func renumbered(_ batches: ByteBuffer) throws(AppendRefusal) -> ByteBuffer {
        try AppendRefusal.ifInvalid { () throws(InvalidRecords) in
            var all = RecordBatches(batches)
            var stored = ByteBuffer()
            while let batch = try all.next() { stored.writeImmutableBuffer(try batch.renumbered()) }
            return stored
        }
    }

    private static func recompressed(
        _ batches: ByteBuffer, _ compression: LogSettings.Compression
    ) throws(InvalidRecords) -> ByteBuffer {
        var all = RecordBatches(batches)
        var stored = ByteBuffer()
        while let batch = try all.next() {
            if batch.header.magic < 2 || batch.header.attributes.codec == compression.codec {
                stored.writeImmutableBuffer(batch.bytes)
            } else {
                // The new batch has a checksum of its own: what is wrong with this one would not be seen any more.
                try batch.checkCRC()
                stored.writeImmutableBuffer(
                    try batch.recompressed(with: compression.codec, level: compression.level))
            }
        }
        guard all.position == batches.readableBytes else {
            throw .truncated(needed: all.position + 1, available: batches.readableBytes)
        }
        return stored
    }
}
