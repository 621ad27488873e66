/// Why bytes are not the records they claim to be. What held them (a produce request's partition, a log file from
/// that byte on) cannot be used; nothing else is harmed.
package enum InvalidRecords: Error, Sendable, Equatable, CustomStringConvertible {
    /// The batch says it is this many bytes after its length field: too few for its own header.
    case batchTooShort(length: Int32)
    /// The batch needs `needed` bytes, and there are `available`.
    case truncated(needed: Int, available: Int)
    /// Neither 0, 1 nor 2.
    case unknownMagic(Int8)
    case wrongChecksum(stored: UInt32, computed: UInt32)
    /// `lastOffsetDelta + 1` is not the record count, or one of them is negative.
    case wrongRecordCount(count: Int32, lastOffsetDelta: Int32)
    /// Attribute bits that name no codec.
    case unknownCodec(UInt8)
    /// The codec's library refuses the bytes.
    case corruptCompression(CompressionCodec)
    /// Decompressing would give more than this many bytes.
    case tooLarge(limitInBytes: Int)
    /// A record inside the batch is not well formed.
    case malformedRecord(index: Int)
    /// A control record's key or value is not of a known form.
    case malformedControlRecord

    package var description: String {
        switch self {
        case .batchTooShort(let length): "a batch length of \(length) is too short for a header"
        case .truncated(let needed, let available): "a batch of \(needed) bytes has only \(available)"
        case .unknownMagic(let magic): "magic \(magic) is no known batch format"
        case .wrongChecksum(let stored, let computed): "checksum \(stored) stored, \(computed) computed"
        case .wrongRecordCount(let count, let delta): "\(count) records with a last offset delta of \(delta)"
        case .unknownCodec(let codec): "compression codec \(codec) is unknown"
        case .corruptCompression(let codec): "the \(codec) data is corrupt"
        case .tooLarge(let limit): "the records decompress to more than \(limit) bytes"
        case .malformedRecord(let index): "record \(index) of the batch is malformed"
        case .malformedControlRecord: "the control record is malformed"
        }
    }
}
