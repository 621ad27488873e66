import ClusterModel
import NIOCore

/// Fields with lengths as Kafka writes them; see the same on ``WireReader``.
extension WireWriter {
    // MARK: Lengths

    private mutating func compactLength(_ count: Int) {
        unsignedVarint(UInt32(count + 1))
    }

    /// Null instead of an array or bytes.
    package mutating func nullLength(compact: Bool) {
        if compact { unsignedVarint(0) } else { int32(-1) }
    }

    private mutating func wideLength(_ count: Int, compact: Bool) {
        if compact { compactLength(count) } else { int32(Int32(count)) }
    }

    // MARK: Text and bytes

    /// At most ``WireReader/longestString`` bytes of UTF-8.
    package mutating func string(_ value: String, compact: Bool) {
        var value = value
        value.withUTF8 { bytes in
            precondition(bytes.count <= WireReader.longestString, "a string of \(bytes.count) bytes")
            if compact { compactLength(bytes.count) } else { int16(Int16(bytes.count)) }
            raw(UnsafeRawBufferPointer(bytes))
        }
    }

    package mutating func nullableString(_ value: String?, compact: Bool) {
        if let value { return string(value, compact: compact) }
        if compact { unsignedVarint(0) } else { int16(-1) }
    }

    package mutating func bytes(_ value: ByteBuffer, compact: Bool) {
        wideLength(value.readableBytes, compact: compact)
        raw(value)
    }

    package mutating func nullableBytes(_ value: ByteBuffer?, compact: Bool) {
        if let value { bytes(value, compact: compact) } else { nullLength(compact: compact) }
    }

    package mutating func records(_ value: RecordBytes, compact: Bool) {
        wideLength(value.count, compact: compact)
        records(value)
    }

    package mutating func nullableRecords(_ value: RecordBytes?, compact: Bool) {
        if let value { records(value, compact: compact) } else { nullLength(compact: compact) }
    }

    /// What stands in front of a nullable structure, or for it.
    package mutating func presence(_ isPresent: Bool) {
        int8(isPresent ? 1 : -1)
    }

    // MARK: Arrays

    package mutating func arrayCount(_ count: Int, compact: Bool) {
        wideLength(count, compact: compact)
    }

    package mutating func int8Array(_ values: [Int8], compact: Bool) {
        arrayCount(values.count, compact: compact)
        for value in values { int8(value) }
    }

    package mutating func int32Array(_ values: [Int32], compact: Bool) {
        arrayCount(values.count, compact: compact)
        for value in values { int32(value) }
    }

    package mutating func nullableInt32Array(_ values: [Int32]?, compact: Bool) {
        if let values { int32Array(values, compact: compact) } else { nullLength(compact: compact) }
    }

    package mutating func int64Array(_ values: [Int64], compact: Bool) {
        arrayCount(values.count, compact: compact)
        for value in values { int64(value) }
    }

    package mutating func stringArray(_ values: [String], compact: Bool) {
        arrayCount(values.count, compact: compact)
        for value in values { string(value, compact: compact) }
    }

    package mutating func nullableStringArray(_ values: [String]?, compact: Bool) {
        if let values { stringArray(values, compact: compact) } else { nullLength(compact: compact) }
    }

    package mutating func uuidArray(_ values: [KafkaUUID], compact: Bool) {
        arrayCount(values.count, compact: compact)
        for value in values { uuid(value) }
    }
}
