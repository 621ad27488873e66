/// Steps over the encoded records of a batch, of which it sees a window at a time.
struct RecordScanner: RecordFields {
    /// A number at its longest.
    private static let longestField = 10

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
    mutating func next() throws(InvalidRecords) -> RecordGlance? {
        guard let length = try int32(), length >= 0 else { return nil }
        let size = Int(length)
        guard size <= window.count - position else { return try glance(endingAt: place + size) }
        // As nearly all records are, and much faster.
        var fields = FieldsInMemory(UnsafeRawBufferPointer(rebasing: window[position..<position + size]))
        position += size
        return try fields.glance(endingAt: size)
    }

    /// Whether nothing follows.
    mutating func isAtEnd() throws(InvalidRecords) -> Bool {
        try see(1)
        return position == window.count
    }

    var place: Int { passed + position }

    mutating func zigzag(longest: UInt64) throws(InvalidRecords) -> Int64? {
        try see(Self.longestField)
        var fields = FieldsInMemory(UnsafeRawBufferPointer(rebasing: window[position...]))
        let number = fields.zigzag(longest: longest)
        position += fields.place
        return number
    }

    mutating func pass(_ count: Int) throws(InvalidRecords) -> Bool {
        var left = count
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
    private mutating func see(_ count: Int) throws(InvalidRecords) {
        guard let source else { return }
        while window.count - position < count {
            let kept = UnsafeRawBufferPointer(rebasing: window[position...])
            passed += position
            position = 0
            window = try source.next(keeping: kept)
            if window.count == kept.count { return }
        }
    }
}
