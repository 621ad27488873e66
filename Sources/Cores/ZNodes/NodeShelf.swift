import NIOCore

/// Some of the nodes: a row for each, and one stretch of bytes with their paths and data.
///
/// Both are arrays without pointers: a node costs no allocation of its own, and copying a shelf is copying memory. Rows
/// stay where they are as long as their nodes live; bytes move.
///
/// Tables that are copies of each other share shelves. Invariant: who changes a shelf is the only one who holds it, or
/// has made a copy; so shelves may cross threads. (A structure of as many references would be retained reference by
/// reference at every look.)
final class NodeShelf: @unchecked Sendable {
    /// The number of no row.
    static let noRow = UInt32.max
    /// Longer data has memory of its own, or setting it would move a lot.
    private static let longestDataInside = 1024

    /// What is kept of a node besides its path, its data and its lifetime.
    struct Row: Sendable {
        var czxid: Int64 = 0
        var mzxid: Int64 = 0
        var pzxid: Int64 = 0
        var ctime: Int64 = 0
        var mtime: Int64 = 0
        var version: Int32 = 0
        var aversion: Int32 = 0
        var createdChildCount: Int32 = 0
        var childCount: Int32 = 0
        /// The number of its access list.
        var acl: UInt32 = 0
        var firstChild = NodeReference.none
        var nextSibling = NodeReference.none
        var previousSibling = NodeReference.none
        /// Negative for null.
        fileprivate(set) var dataLength: Int32 = -1
        fileprivate var pathLength: UInt32 = 0
        /// Where its bytes start: the path, and behind it the data if it is short. In a free row, the next free one.
        fileprivate var start: UInt32 = 0
        fileprivate var nextInBucket = NodeShelf.noRow

        fileprivate var lengthInside: Int {
            Int(pathLength) + (dataLength > longestDataInside ? 0 : max(0, Int(dataLength)))
        }
    }

    private var count = 0
    private var rows: [Row] = []
    private var bytes: [UInt8] = []
    /// The bytes that belong to no row any more.
    private var wastedByteCount = 0
    private var firstFree = noRow
    /// The first row of each chain of rows whose hashes end alike; a power of two of them, or none.
    private var buckets: [UInt32] = []
    /// Data that lies apart.
    private var longData: [UInt32: ByteBuffer] = [:]
    /// Of nodes that are not persistent.
    private var lifetimes: [UInt32: ZNode.Lifetime] = [:]

    init() {}

    private init(_ other: NodeShelf) {
        count = other.count
        rows = other.rows
        bytes = other.bytes
        wastedByteCount = other.wastedByteCount
        firstFree = other.firstFree
        buckets = other.buckets
        longData = other.longData
        lifetimes = other.lifetimes
    }

    /// A shelf that can be changed without changing this one.
    func copy() -> NodeShelf { NodeShelf(self) }

    // MARK: Reading

    func find(_ path: UnsafeRawBufferPointer, hash: UInt64) -> UInt32? {
        guard !buckets.isEmpty else { return nil }
        var number = buckets[bucket(of: hash)]
        return bytes.withUnsafeBytes { bytes in
            while number != Self.noRow {
                let place = Int(number)
                if Int(rows[place].pathLength) == path.count {
                    let start = Int(rows[place].start)
                    if UnsafeRawBufferPointer(rebasing: bytes[start..<start + path.count]).hasSameBytes(as: path) {
                        return number
                    }
                }
                number = rows[place].nextInBucket
            }
            return nil
        }
    }

    subscript(number: UInt32) -> Row {
        get { rows[Int(number)] }
        _modify { yield &rows[Int(number)] }
    }

    func lifetime(of number: UInt32) -> ZNode.Lifetime {
        lifetimes.isEmpty ? .persistent : lifetimes[number] ?? .persistent
    }

    func withPath<Value>(of number: UInt32, _ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        let row = rows[Int(number)]
        return bytes.withUnsafeBytes {
            body(.init(rebasing: $0[Int(row.start)..<Int(row.start) + Int(row.pathLength)]))
        }
    }

    /// A copy; nil for null.
    func data(of number: UInt32) -> ByteBuffer? {
        let row = rows[Int(number)]
        if row.dataLength < 0 { return nil }
        return Int(row.dataLength) > Self.longestDataInside
            ? longData[number] : withData(of: number) { ByteBuffer(bytes: $0) }
    }

    /// No bytes for null.
    func withData<Value>(of number: UInt32, _ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        let row = rows[Int(number)]
        if let apart = longData[number] { return apart.withUnsafeReadableBytes(body) }
        return bytes.withUnsafeBytes { bytes in
            let start = Int(row.start) + Int(row.pathLength)
            return body(.init(rebasing: bytes[start..<start + max(0, Int(row.dataLength))]))
        }
    }

    /// In no order.
    var occupiedNumbers: [UInt32] { (0..<UInt32(rows.count)).filter { rows[Int($0)].pathLength > 0 } }

    /// In order of the paths.
    var sortedNumbers: [UInt32] {
        occupiedNumbers.sorted { left, right in
            withPath(of: left) { left in withPath(of: right) { left.precedes($0) } }
        }
    }

    // MARK: Changing

    /// Adds a node that is not there.
    func insert(
        _ row: Row, at path: UnsafeRawBufferPointer, hash: UInt64, data: ByteBuffer?, lifetime: ZNode.Lifetime
    ) -> UInt32 {
        if count == buckets.count { growBuckets() }
        var row = row
        row.pathLength = UInt32(path.count)
        row.start = UInt32(bytes.count)
        row.nextInBucket = buckets[bucket(of: hash)]
        reserve(path.count + (data?.readableBytes ?? 0))
        bytes.append(contentsOf: path)
        let number = add(row)
        append(data, to: number)
        set(lifetime, of: number)
        buckets[bucket(of: hash)] = number
        count += 1
        return number
    }

    private func add(_ row: Row) -> UInt32 {
        if firstFree != Self.noRow {
            let number = firstFree
            firstFree = rows[Int(number)].start
            rows[Int(number)] = row
            return number
        }
        precondition(rows.count <= NodeReference.lastRow, "\(rows.count) nodes on one shelf")
        if rows.count == rows.capacity { rows.reserveCapacity(Self.grown(rows.count)) }
        rows.append(row)
        return UInt32(rows.count - 1)
    }

    func set(_ lifetime: ZNode.Lifetime, of number: UInt32) {
        if lifetime != .persistent || !lifetimes.isEmpty {
            lifetimes[number] = lifetime == .persistent ? nil : lifetime
        }
    }

    func set(_ data: ByteBuffer?, of number: UInt32) {
        let row = rows[Int(number)]
        let (old, new) = (Int(row.dataLength), data?.readableBytes ?? -1)
        if old > Self.longestDataInside { longData[number] = nil }
        if new <= old, old <= Self.longestDataInside {
            // It fits into its place.
            let start = Int(row.start) + Int(row.pathLength)
            data?.withUnsafeReadableBytes { data in
                bytes.withUnsafeMutableBytes {
                    UnsafeMutableRawBufferPointer(rebasing: $0[start...]).copyMemory(from: data)
                }
            }
            rows[Int(number)].dataLength = Int32(new)
            wastedByteCount += row.lengthInside - rows[Int(number)].lengthInside
        } else {
            reserve(Int(row.pathLength) + max(0, new))
            rows[Int(number)].start = UInt32(bytes.count)
            let start = Int(row.start)
            for index in start..<start + Int(row.pathLength) { bytes.append(bytes[index]) }
            append(data, to: number)
            wastedByteCount += row.lengthInside
        }
        shrink()
    }

    /// Puts data behind the path, which ends the bytes.
    private func append(_ data: ByteBuffer?, to number: UInt32) {
        rows[Int(number)].dataLength = data.map { Int32($0.readableBytes) } ?? -1
        guard let data, data.readableBytes > 0 else { return }
        if data.readableBytes > Self.longestDataInside {
            longData[number] = data.copied
        } else {
            data.withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
        }
    }

    func remove(_ number: UInt32, hash: UInt64) {
        let row = rows[Int(number)]
        unchain(number, from: bucket(of: hash))
        wastedByteCount += row.lengthInside
        if Int(row.dataLength) > Self.longestDataInside { longData[number] = nil }
        set(.persistent, of: number)
        rows[Int(number)].start = firstFree
        rows[Int(number)].pathLength = 0
        rows[Int(number)].dataLength = -1
        firstFree = number
        count -= 1
        if count == 0 {
            empty()
        } else {
            shrink()
        }
    }

    // MARK: Buckets and bytes

    /// The low bits have chosen the shelf.
    private func bucket(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 32) & (buckets.count - 1) }

    private func unchain(_ number: UInt32, from bucket: Int) {
        let next = rows[Int(number)].nextInBucket
        var previous = buckets[bucket]
        if previous == number {
            buckets[bucket] = next
            return
        }
        while previous != Self.noRow {
            if rows[Int(previous)].nextInBucket == number {
                rows[Int(previous)].nextInBucket = next
                return
            }
            previous = rows[Int(previous)].nextInBucket
        }
        preconditionFailure("row \(number) is not in the chain of its hash")
    }

    private func growBuckets() {
        let old = buckets
        buckets = Array(repeating: Self.noRow, count: max(4, old.count * 2))
        for first in old {
            var number = first
            while number != Self.noRow {
                let next = rows[Int(number)].nextInBucket
                let bucket = bucket(of: withPath(of: number) { $0.lastingHash })
                rows[Int(number)].nextInBucket = buckets[bucket]
                buckets[bucket] = number
                number = next
            }
        }
    }

    /// By an eighth: a shelf grows often enough for that, and half of what doubling takes would lie idle.
    private static func grown(_ count: Int) -> Int { count + count / 8 + 4 }

    private func reserve(_ more: Int) {
        let needed = bytes.count + more
        precondition(needed <= UInt32.max, "\(needed) bytes on one shelf")
        if needed > bytes.capacity { bytes.reserveCapacity(Self.grown(needed)) }
    }

    private func empty() {
        rows = []
        bytes = []
        wastedByteCount = 0
        firstFree = Self.noRow
        buckets = []
    }

    /// Puts the bytes together when too many between them are nobody's.
    private func shrink() {
        guard wastedByteCount > 4096, wastedByteCount > bytes.count / 4 else { return }
        var packed: [UInt8] = []
        packed.reserveCapacity(Self.grown(bytes.count - wastedByteCount))
        for place in rows.indices where rows[place].pathLength > 0 {
            let start = Int(rows[place].start)
            rows[place].start = UInt32(packed.count)
            packed += bytes[start..<start + rows[place].lengthInside]
        }
        bytes = packed
        wastedByteCount = 0
    }
}

/// Where a node is: its shelf and its row. It holds as long as the node lives, and says nothing about its path.
struct NodeReference: Sendable, Hashable {
    static let none = NodeReference(number: .max)
    static let shelfCount = 4096
    /// The highest number of a row that a reference can name.
    static let lastRow = 1 << 20 - 2

    private let number: UInt32

    private init(number: UInt32) { self.number = number }

    init(shelf: Int, row: UInt32) { number = row << 12 | UInt32(shelf) }

    var shelf: Int { Int(number & 0xfff) }
    var row: UInt32 { number >> 12 }
}
