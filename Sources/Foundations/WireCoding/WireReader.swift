import ClusterModel
import NIOCore

/// Reads the primitive fields of both wire formats (Kafka's and ZooKeeper's: big-endian) from one frame.
///
/// Every read is checked against the frame's end; a length that exceeds what is left is refused before anything is
/// allocated for it. Byte fields are slices that share the frame's storage.
package struct WireReader: ~Copyable {
    private let bytes: UnsafeRawBufferPointer
    private let frame: ByteBuffer
    /// Bytes read so far, from the frame's start.
    package private(set) var position: Int

    private init(bytes: UnsafeRawBufferPointer, frame: ByteBuffer) {
        self.bytes = bytes
        self.frame = frame
        self.position = 0
    }

    /// Gives `body` a reader over the readable bytes of `frame`; the reader is not valid outside.
    package static func read<Value>(
        _ frame: ByteBuffer, _ body: (inout WireReader) throws(MalformedInput) -> Value
    ) throws(MalformedInput) -> Value {
        let result: Result<Value, MalformedInput> = frame.withUnsafeReadableBytes { bytes in
            var reader = WireReader(bytes: bytes, frame: frame)
            do throws(MalformedInput) {
                return .success(try body(&reader))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    package var remaining: Int { bytes.count - position }

    /// Throws when bytes are left over.
    package func finish() throws(MalformedInput) {
        guard remaining == 0 else { throw MalformedInput(.trailingBytes, at: position) }
    }

    @inline(__always)
    private mutating func integer<Value: FixedWidthInteger>(_: Value.Type) throws(MalformedInput) -> Value {
        guard remaining >= MemoryLayout<Value>.size else { throw MalformedInput(.truncated, at: position) }
        let value = bytes.loadUnaligned(fromByteOffset: position, as: Value.self)
        position += MemoryLayout<Value>.size
        return Value(bigEndian: value)
    }

    package mutating func int8() throws(MalformedInput) -> Int8 { try integer(Int8.self) }
    package mutating func int16() throws(MalformedInput) -> Int16 { try integer(Int16.self) }
    package mutating func uint16() throws(MalformedInput) -> UInt16 { try integer(UInt16.self) }
    package mutating func int32() throws(MalformedInput) -> Int32 { try integer(Int32.self) }
    package mutating func uint32() throws(MalformedInput) -> UInt32 { try integer(UInt32.self) }
    package mutating func int64() throws(MalformedInput) -> Int64 { try integer(Int64.self) }
    package mutating func float64() throws(MalformedInput) -> Double {
        Double(bitPattern: try integer(UInt64.self))
    }
    /// Any byte but 0 is true, as in Apache Kafka and Jute.
    package mutating func bool() throws(MalformedInput) -> Bool { try integer(UInt8.self) != 0 }

    package mutating func uuid() throws(MalformedInput) -> KafkaUUID {
        KafkaUUID(high: try integer(UInt64.self), low: try integer(UInt64.self))
    }

    /// An unsigned variable-length integer of at most 32 bits: seven bits a byte, lowest first.
    package mutating func unsignedVarint() throws(MalformedInput) -> UInt32 {
        var value: UInt32 = 0
        for shift in stride(from: UInt32(0), through: 28, by: 7) {
            let byte = try integer(UInt8.self)
            value |= UInt32(byte & 0x7f) << shift
            if byte < 0x80 {
                guard shift < 28 || byte < 0x10 else { break }
                return value
            }
        }
        throw MalformedInput(.variableLengthIntegerTooLong, at: position)
    }

    /// A zigzag-coded variable-length integer of at most 32 bits.
    package mutating func varint() throws(MalformedInput) -> Int32 {
        let coded = try unsignedVarint()
        return Int32(bitPattern: coded >> 1) ^ -Int32(bitPattern: coded & 1)
    }

    /// A zigzag-coded variable-length integer of at most 64 bits.
    package mutating func varlong() throws(MalformedInput) -> Int64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            let byte = try integer(UInt8.self)
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 {
                guard shift < 63 || byte < 0x02 else { break }
                return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
            }
        }
        throw MalformedInput(.variableLengthIntegerTooLong, at: position)
    }

    /// The next `count` bytes as a slice of the frame.
    package mutating func slice(_ count: Int) throws(MalformedInput) -> ByteBuffer {
        guard count >= 0 else { throw MalformedInput(.negativeLength, at: position) }
        guard count <= remaining, let slice = frame.getSlice(at: frame.readerIndex + position, length: count) else {
            throw MalformedInput(.truncated, at: position)
        }
        position += count
        return slice
    }

    package mutating func skip(_ count: Int) throws(MalformedInput) {
        guard count >= 0 else { throw MalformedInput(.negativeLength, at: position) }
        guard count <= remaining else { throw MalformedInput(.truncated, at: position) }
        position += count
    }

    /// The next `count` bytes as UTF-8; refused when they are not.
    package mutating func text(_ count: Int) throws(MalformedInput) -> String {
        guard count >= 0 else { throw MalformedInput(.negativeLength, at: position) }
        guard count <= remaining else { throw MalformedInput(.truncated, at: position) }
        let range = UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
        guard let text = String(validating: range, as: UTF8.self) else {
            throw MalformedInput(.invalidUTF8, at: position)
        }
        position += count
        return text
    }

    /// The next `count` bytes, of which the caller knows that they are there; not valid outside the reader's body.
    mutating func takeBytes(_ count: Int) -> UnsafeRawBufferPointer {
        precondition(count <= remaining, "taking \(count) bytes of \(remaining)")
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }
}
