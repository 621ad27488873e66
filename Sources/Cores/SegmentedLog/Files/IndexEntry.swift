import ClusterModel

/// An entry of an index file: fields of fixed size, big-endian.
protocol IndexEntry: Sendable, Equatable {
    static var sizeInBytes: Int { get }
    init(reading bytes: UnsafeRawBufferPointer)
    func write(to target: UnsafeMutableRawBufferPointer)
}

/// Where a batch stands in the segment.
struct OffsetIndexEntry: IndexEntry {
    /// The batch's last offset, from the segment's base.
    var relativeOffset: Int32
    /// The batch's first byte in the log file.
    var position: Int32

    static let sizeInBytes = 8

    init(relativeOffset: Int32, position: Int32) {
        self.relativeOffset = relativeOffset
        self.position = position
    }

    init(reading bytes: UnsafeRawBufferPointer) {
        relativeOffset = bytes.integer(at: 0)
        position = bytes.integer(at: 4)
    }

    func write(to target: UnsafeMutableRawBufferPointer) {
        target.store(relativeOffset, at: 0)
        target.store(position, at: 4)
    }
}

/// The largest timestamp up to a batch.
struct TimeIndexEntry: IndexEntry {
    /// In milliseconds since 1970. Larger than in the entry before.
    var timestamp: Int64
    /// The last offset of the batch that holds it, from the segment's base. All records of a larger timestamp follow.
    var relativeOffset: Int32

    static let sizeInBytes = 12

    init(timestamp: Int64, relativeOffset: Int32) {
        self.timestamp = timestamp
        self.relativeOffset = relativeOffset
    }

    init(reading bytes: UnsafeRawBufferPointer) {
        timestamp = bytes.integer(at: 0)
        relativeOffset = bytes.integer(at: 8)
    }

    func write(to target: UnsafeMutableRawBufferPointer) {
        target.store(timestamp, at: 0)
        target.store(relativeOffset, at: 8)
    }
}

/// A transaction that ended with a rollback whose marker is in the segment.
struct TransactionIndexEntry: IndexEntry {
    var producerID: ProducerID
    var firstOffset: Offset
    /// The marker's.
    var lastOffset: Offset
    /// The last stable offset after the marker: no later entry is about records before it.
    var lastStableOffset: Offset

    static let sizeInBytes = 34

    init(producerID: ProducerID, firstOffset: Offset, lastOffset: Offset, lastStableOffset: Offset) {
        self.producerID = producerID
        self.firstOffset = firstOffset
        self.lastOffset = lastOffset
        self.lastStableOffset = lastStableOffset
    }

    init(reading bytes: UnsafeRawBufferPointer) {
        producerID = bytes.integer(at: 2)
        firstOffset = bytes.integer(at: 10)
        lastOffset = bytes.integer(at: 18)
        lastStableOffset = bytes.integer(at: 26)
    }

    func write(to target: UnsafeMutableRawBufferPointer) {
        target.store(Int16(0), at: 0)
        target.store(producerID, at: 2)
        target.store(firstOffset, at: 10)
        target.store(lastOffset, at: 18)
        target.store(lastStableOffset, at: 26)
    }
}
