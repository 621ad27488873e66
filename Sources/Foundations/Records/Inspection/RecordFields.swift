/// What is looked at of a record.
struct RecordGlance {
    /// To the batch's base timestamp, in milliseconds.
    var timestampDelta: Int64
    var offsetDelta: Int32
    var hasKey: Bool
}

/// A place in encoded records, at which one field after the other is read.
protocol RecordFields {
    /// Bytes from where reading began.
    var place: Int { get }

    /// A zigzag-coded number of at most `longest` bytes, which are 10 at most; nil when none stands here.
    mutating func zigzag(longest: UInt64) throws(InvalidRecords) -> Int64?
    /// Steps over bytes; false when they are not all there.
    mutating func pass(_ count: Int) throws(InvalidRecords) -> Bool
}

extension RecordFields {
    /// Reads the fields of a record, behind its length; nil when they are not well formed or do not end at `end`.
    @inline(__always)
    mutating func glance(endingAt end: Int) throws(InvalidRecords) -> RecordGlance? {
        // The attributes of a record mean nothing yet.
        guard try pass(1), let timestampDelta = try zigzag(longest: 10), let offsetDelta = try int32(),
            let keySize = try int32(), try pass(keySize, before: end),
            let valueSize = try int32(), try pass(valueSize, before: end),
            var headers = try int32(), headers >= 0
        else { return nil }
        while headers > 0 {
            guard let nameSize = try int32(), nameSize >= 0, try pass(nameSize, before: end),
                let valueSize = try int32(), try pass(valueSize, before: end)
            else { return nil }
            headers -= 1
        }
        guard place == end else { return nil }
        return RecordGlance(timestampDelta: timestampDelta, offsetDelta: offsetDelta, hasKey: keySize >= 0)
    }

    /// nil also for a number of more than 32 bits.
    @inline(__always)
    mutating func int32() throws(InvalidRecords) -> Int32? {
        guard let number = try zigzag(longest: 5) else { return nil }
        return Int32(exactly: number)
    }

    /// Steps over bytes after their length, of which -1 is null; false when it is no length, or they reach beyond `end`.
    @inline(__always)
    private mutating func pass(_ size: Int32, before end: Int) throws(InvalidRecords) -> Bool {
        if size <= 0 { return size >= -1 }
        guard Int(size) <= end - place else { return false }
        return try pass(Int(size))
    }
}

/// Fields that all lie in memory.
struct FieldsInMemory: RecordFields {
    private let bytes: UnsafeRawBufferPointer
    private(set) var place = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    @inline(__always)
    mutating func zigzag(longest: UInt64) -> Int64? {
        var coded: UInt64 = 0
        var shift: UInt64 = 0
        while place < bytes.count, shift < 7 * longest {
            let byte = bytes[place]
            place += 1
            coded |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 {
                // The tenth byte has one bit left.
                guard shift < 63 || byte < 2 else { return nil }
                return Int64(bitPattern: coded >> 1) ^ -Int64(bitPattern: coded & 1)
            }
            shift += 7
        }
        return nil
    }

    @inline(__always)
    mutating func pass(_ count: Int) -> Bool {
        place += count
        return place <= bytes.count
    }
}
