import ClusterModel
import NIOCore

/// Writes the primitive fields of both wire formats into one growing buffer of its own.
///
/// Record bytes of some size are not copied: they end the running piece and become a piece themselves, so that a
/// reply is a list of buffers and file ranges in wire order.
package struct WireWriter: ~Copyable {
    /// Record bytes in memory below this size are copied into the running piece.
    private static let copiedUpTo = 4096

    private var storage: UnsafeMutableRawBufferPointer
    private var used = 0
    private var finished: [RecordBytes] = []
    /// Bytes in finished pieces.
    private var finishedCount = 0

    package init(capacity: Int = 256) {
        storage = .allocate(byteCount: max(capacity, 16), alignment: 16)
    }

    deinit { storage.deallocate() }

    /// Bytes written so far, over all pieces.
    package var count: Int { finishedCount + used }

    @inline(never)
    private mutating func grow(by count: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(storage.count * 2, used + count), alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[..<used]))
        storage.deallocate()
        storage = larger
    }

    @inline(__always)
    private mutating func reserve(_ count: Int) {
        if storage.count - used < count { grow(by: count) }
    }

    @inline(__always)
    private mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
        reserve(MemoryLayout<Value>.size)
        storage.storeBytes(of: value.bigEndian, toByteOffset: used, as: Value.self)
        used += MemoryLayout<Value>.size
    }

    package mutating func int8(_ value: Int8) { integer(value) }
    package mutating func int16(_ value: Int16) { integer(value) }
    package mutating func uint16(_ value: UInt16) { integer(value) }
    package mutating func int32(_ value: Int32) { integer(value) }
    package mutating func uint32(_ value: UInt32) { integer(value) }
    package mutating func int64(_ value: Int64) { integer(value) }
    package mutating func float64(_ value: Double) { integer(value.bitPattern) }
    package mutating func bool(_ value: Bool) { integer(value ? 1 as UInt8 : 0) }

    package mutating func uuid(_ value: KafkaUUID) {
        integer(value.high)
        integer(value.low)
    }

    /// Seven bits a byte, lowest first; see ``WireReader/unsignedVarint()``.
    package mutating func unsignedVarint(_ value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            integer(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        integer(UInt8(rest))
    }

    /// Zigzag-coded.
    package mutating func varint(_ value: Int32) {
        unsignedVarint(UInt32(bitPattern: (value << 1) ^ (value >> 31)))
    }

    /// Zigzag-coded.
    package mutating func varlong(_ value: Int64) {
        var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        while rest >= 0x80 {
            integer(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        integer(UInt8(rest))
    }

    package mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        UnsafeMutableRawBufferPointer(rebasing: storage[used...]).copyMemory(from: bytes)
        used += bytes.count
    }

    package mutating func raw(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { raw($0) }
    }

    /// The UTF-8 of `value` without a length.
    package mutating func text(_ value: String) {
        var value = value
        value.withUTF8 { raw(UnsafeRawBufferPointer($0)) }
    }

    /// Puts record bytes at this place, without a length, copying only small ones.
    package mutating func records(_ records: RecordBytes) {
        if case .inMemory(let buffer) = records, buffer.readableBytes <= Self.copiedUpTo { return raw(buffer) }
        endPiece()
        finished.append(records)
        finishedCount += records.count
    }

    /// Overwrites the four bytes at `position` of the running piece; for lengths known only afterwards.
    package mutating func patch(int32 value: Int32, at position: Int) {
        let place = position - finishedCount
        precondition(place >= 0 && place + 4 <= used, "patching byte \(position) of \(count): not in this piece")
        storage.storeBytes(of: value.bigEndian, toByteOffset: place, as: Int32.self)
    }

    /// Overwrites the byte at `position` of the running piece.
    package mutating func patch(byte value: UInt8, at position: Int) {
        let place = position - finishedCount
        precondition(place >= 0 && place < used, "patching byte \(position) of \(count): not in this piece")
        storage[place] = value
    }

    /// Moves all that was written from `position` on and puts its length in front, as a variable-length integer.
    package mutating func insertLength(before position: Int) {
        let place = position - finishedCount
        precondition(place >= 0 && place <= used, "a length before byte \(position) of \(count): not in this piece")
        let length = used - place
        unsignedVarint(UInt32(length))
        let width = used - place - length
        withUnsafeTemporaryAllocation(byteCount: width, alignment: 1) { varint in
            varint.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[place + length..<used]))
            let moved = UnsafeMutableRawBufferPointer(rebasing: storage[(place + width)..<used])
            moved.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[place..<place + length]))
            UnsafeMutableRawBufferPointer(rebasing: storage[place..<place + width]).copyMemory(
                from: UnsafeRawBufferPointer(varint))
        }
    }

    private mutating func endPiece() {
        guard used > 0 else { return }
        finished.append(.inMemory(ByteBuffer(bytes: UnsafeRawBufferPointer(rebasing: storage[..<used]))))
        finishedCount += used
        used = 0
    }

    /// All that was written, as pieces in order.
    package consuming func pieces() -> [RecordBytes] {
        endPiece()
        return finished
    }

    /// All that was written, as pieces in order; the first four bytes, written as anything, become the number of bytes
    /// that follow them.
    package consuming func framedPieces() -> [RecordBytes] {
        endPiece()
        guard case .inMemory(var first)? = finished.first, first.readableBytes >= 4 else {
            preconditionFailure("a frame of \(count) bytes does not start with its length")
        }
        // Out of the list before it is changed: a second reference would make it a copy.
        finished[0] = .inMemory(ByteBuffer())
        first.setInteger(Int32(count - 4), at: first.readerIndex)
        finished[0] = .inMemory(first)
        return finished
    }

    /// All that was written, in one buffer. Not for messages with file ranges.
    package consuming func buffer() -> ByteBuffer {
        if finished.isEmpty {
            return ByteBuffer(bytes: UnsafeRawBufferPointer(rebasing: storage[..<used]))
        }
        endPiece()
        var whole = ByteBuffer()
        whole.reserveCapacity(finishedCount)
        for piece in finished {
            guard case .inMemory(let buffer) = piece else {
                preconditionFailure("a message with a file range has no single buffer")
            }
            whole.writeImmutableBuffer(buffer)
        }
        return whole
    }
}
