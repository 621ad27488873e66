/// Steps over the encoded records of a batch, of which it sees a window at a time.
struct RecordScanner {
    /// What is looked at of a record.
    struct Item {
        /// To the batch's base timestamp, in milliseconds.
        var timestampDelta: Int64
        var offsetDelta: Int32
        var hasKey: Bool
    }

    /// A record's length, attributes, timestamp, offset and length of its key at their longest.
    private static let longestHead = 5 + 1 + 10 + 5 + 5
    private static let longestLength = 5

    /// Where more comes from; nil when the window holds all.
    private let source: DecodedWindow?
    private var window: UnsafeRawBufferPointer
    /// In the window.
    private var position = 0
    /// Bytes that were before the window.
    private var passed = 0

    /// - Parameter all: must stay where it is while it is scanned.
    init(_ all: UnsafeRawBufferPointer) {
        source = nil
        window = all
    }

    init(in source: DecodedWindow) {
        self.source = source
        window = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The next record; nil when none that is whole and well formed stands there.
    /// - Throws: what `DecodedWindow` throws.
    mutating func next() throws(InvalidRecords) -> Item? {
        try see(Self.longestHead)
        guard let size = int32(), size >= 0 else { return nil }
        let end = place + Int(size)
        // The attributes of a record mean nothing yet.
        position += 1
        guard position <= window.count, let timestampDelta = zigzag(longest: 10), let offsetDelta = int32(),
            let keySize = int32(), try skip(keySize, before: end)
        else { return nil }
        try see(Self.longestLength)
        guard let valueSize = int32(), try skip(valueSize, before: end) else { return nil }
        try see(Self.longestLength)
        guard var headers = int32(), headers >= 0 else { return nil }
        while headers > 0 {
            guard try skipHeader(before: end) else { return nil }
            headers -= 1
        }
        guard place == end else { return nil }
        return Item(timestampDelta: timestampDelta, offsetDelta: offsetDelta, hasKey: keySize >= 0)
    }

    /// Whether nothing follows.
    mutating func isAtEnd() throws(InvalidRecords) -> Bool {
        try see(1)
        return position == window.count
    }

    private var place: Int { passed + position }

    private mutating func skipHeader(before end: Int) throws(InvalidRecords) -> Bool {
        try see(Self.longestLength)
        guard let nameSize = int32(), nameSize >= 0, try skip(nameSize, before: end) else { return false }
        try see(Self.longestLength)
        guard let valueSize = int32() else { return false }
        return try skip(valueSize, before: end)
    }

    /// Steps over bytes after their length, of which -1 is null; false when the length is none or they are not all
    /// there.
    private mutating func skip(_ size: Int32, before end: Int) throws(InvalidRecords) -> Bool {
        guard size > 0 else { return size >= -1 }
        var left = Int(size)
        guard left <= end - place else { return false }
        while left > window.count - position {
            left -= window.count - position
            position = window.count
            try see(1)
            if position == window.count { return false }
        }
        position += left
        return true
    }

    /// Has the window hold `count` bytes from the position on, or all that is left.
    @inline(__always)
    private mutating func see(_ count: Int) throws(InvalidRecords) {
        if window.count - position < count { try seeMore(count) }
    }

    private mutating func seeMore(_ count: Int) throws(InvalidRecords) {
        guard let source else { return }
        while window.count - position < count {
            let kept = UnsafeRawBufferPointer(rebasing: window[position...])
            passed += position
            position = 0
            window = try source.next(keeping: kept)
            if window.count == kept.count { return }
        }
    }

    /// nil also for a number of more bits.
    @inline(__always)
    private mutating func int32() -> Int32? { zigzag(longest: 5).flatMap(Int32.init(exactly:)) }

    /// A zigzag-coded number of at most `longest` bytes; nil when none stands there.
    @inline(__always)
    private mutating func zigzag(longest: UInt64) -> Int64? {
        var coded: UInt64 = 0
        var shift: UInt64 = 0
        while position < window.count, shift < 7 * longest {
            let byte = window[position]
            position += 1
            coded |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 {
                guard shift < 63 || byte < 2 else { return nil }
                return Int64(bitPattern: coded >> 1) ^ -Int64(bitPattern: coded & 1)
            }
            shift += 7
        }
        return nil
    }
}
