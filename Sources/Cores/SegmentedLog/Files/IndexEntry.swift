import ClusterModel

/// An entry of an index file: fields of fixed size, big-endian.
package protocol IndexEntry: Sendable, Equatable {
    static var sizeInBytes: Int { get }
    /// Reads `sizeInBytes` bytes.
    init(reading bytes: UnsafeRawBufferPointer)
    /// Writes `sizeInBytes` bytes.
    func write(to target: UnsafeMutableRawBufferPointer)
}

extension IndexEntry {
    /// The whole entries at the start of a file's bytes.
    package static func entries(of bytes: [UInt8]) -> [Self] {
        bytes.withUnsafeBytes { raw in
            (0..<bytes.count / sizeInBytes).map { place in
                Self(reading: UnsafeRawBufferPointer(rebasing: raw[place * sizeInBytes..<(place + 1) * sizeInBytes]))
            }
        }
    }
}

/// Where a batch stands in the segment.
package struct OffsetIndexEntry: IndexEntry {
    /// The batch's last offset, from the segment's base.
    package var relativeOffset: Int32
    /// The batch's first byte in the log file.
    package var position: Int32

    package static let sizeInBytes = 8

    init(relativeOffset: Int32, position: Int32) {
        self.relativeOffset = relativeOffset
        self.position = position
    }

    package init(reading bytes: UnsafeRawBufferPointer) {
        relativeOffset = bytes.integer(at: 0)
        position = bytes.integer(at: 4)
    }

    package func write(to target: UnsafeMutableRawBufferPointer) {
        target.store(relativeOffset, at: 0)
        target.store(position, at: 4)
    }
}

/// The largest timestamp up to a batch.
package struct TimeIndexEntry: IndexEntry {
    /// In milliseconds since 1970. Larger than in the entry before.
    package var timestamp: Int64
    /// The last offset of the batch that holds it, from the segment's base. All records of a larger timestamp follow.
    package var relativeOffset: Int32

    package static let sizeInBytes = 12

    init(timestamp: Int64, relativeOffset: Int32) {
        self.timestamp = timestamp
        self.relativeOffset = relativeOffset
    }

    package init(reading bytes: UnsafeRawBufferPointer) {
        timestamp = bytes.integer(at: 0)
        relativeOffset = bytes.integer(at: 8)
    }

    package func write(to target: UnsafeMutableRawBufferPointer) {
        target.store(timestamp, at: 0)
        target.store(relativeOffset, at: 8)
    }
}

/// A transaction that ended with a rollback whose marker is in the segment.
package struct TransactionIndexEntry: IndexEntry {
    package var producerID: ProducerID
    package var firstOffset: Offset
    /// The marker's.
    package var lastOffset: Offset
    /// The last stable offset after the marker: no later entry is about records before it.
    package var lastStableOffset: Offset

    package static let sizeInBytes = 34

    init(producerID: ProducerID, firstOffset: Offset, lastOffset: Offset, lastStableOffset: Offset) {
        self.producerID = producerID
        self.firstOffset = firstOffset
        self.lastOffset = lastOffset
        self.lastStableOffset = lastStableOffset
    }

    package init(reading bytes: UnsafeRawBufferPointer) {
        producerID = bytes.integer(at: 2)
        firstOffset = bytes.integer(at: 10)
        lastOffset = bytes.integer(at: 18)
        lastStableOffset = bytes.integer(at: 26)
    }

    package func write(to target: UnsafeMutableRawBufferPointer) {
        target.store(Int16(0), at: 0)
        target.store(producerID, at: 2)
        target.store(firstOffset, at: 10)
        target.store(lastOffset, at: 18)
        target.store(lastStableOffset, at: 26)
    }
}
