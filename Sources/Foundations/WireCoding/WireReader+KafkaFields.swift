import ClusterModel
import NIOCore

/// Fields with lengths as Kafka writes them: a fixed-width length, -1 for null; or compact (flexible versions), the
/// length plus one as a variable-length integer, 0 for null (KIP-482).
extension WireReader {
    /// Refuses a version that a message does not have.
    package func require(_ version: Int16, in versions: ClosedRange<Int16>) throws(MalformedInput) {
        guard versions.contains(version) else { throw MalformedInput(.unsupportedVersion, at: position) }
    }

    // MARK: Lengths

    /// Length plus one; nil for null.
    private mutating func compactLength() throws(MalformedInput) -> Int? {
        let coded = try unsignedVarint()
        return coded == 0 ? nil : Int(coded) - 1
    }

    /// -1 is null; other negative numbers are refused.
    private func length(_ coded: Int) throws(MalformedInput) -> Int? {
        guard coded >= -1 else { throw MalformedInput(.negativeLength, at: position) }
        return coded == -1 ? nil : coded
    }

    private func notNull<Value>(_ value: Value?) throws(MalformedInput) -> Value {
        guard let value else { throw MalformedInput(.nullWhereNotAllowed, at: position) }
        return value
    }

    // MARK: Text and bytes

    /// The longest string Kafka has, in bytes; also in compact form.
    package static let longestString = Int(Int16.max)

    package mutating func nullableString(compact: Bool) throws(MalformedInput) -> String? {
        guard let count = compact ? try compactLength() : try length(Int(int16())) else { return nil }
        guard count <= Self.longestString else { throw MalformedInput(.custom("string too long"), at: position) }
        return try text(count)
    }

    package mutating func string(compact: Bool) throws(MalformedInput) -> String {
        try notNull(nullableString(compact: compact))
    }

    /// A slice of the frame: who keeps it keeps the whole frame in memory.
    package mutating func nullableBytes(compact: Bool) throws(MalformedInput) -> ByteBuffer? {
        guard let count = compact ? try compactLength() : try length(Int(int32())) else { return nil }
        return try slice(count)
    }

    /// A slice of the frame: who keeps it keeps the whole frame in memory.
    package mutating func bytes(compact: Bool) throws(MalformedInput) -> ByteBuffer {
        try notNull(nullableBytes(compact: compact))
    }

    package mutating func nullableRecords(compact: Bool) throws(MalformedInput) -> RecordBytes? {
        try nullableBytes(compact: compact).map { .inMemory($0) }
    }

    package mutating func records(compact: Bool) throws(MalformedInput) -> RecordBytes {
        .inMemory(try bytes(compact: compact))
    }

    /// Whether a nullable structure follows: a byte, negative for null (KIP-893).
    package mutating func isPresent() throws(MalformedInput) -> Bool {
        try int8() >= 0
    }

    // MARK: Arrays

    /// Nil for null. A count is refused when so many elements of at least `elementSize` bytes cannot follow.
    package mutating func nullableArrayCount(compact: Bool, elementSize: Int) throws(MalformedInput) -> Int? {
        guard let count = compact ? try compactLength() : try length(Int(int32())) else { return nil }
        guard count <= remaining / elementSize else { throw MalformedInput(.tooManyElements, at: position) }
        return count
    }

    package mutating func arrayCount(compact: Bool, elementSize: Int) throws(MalformedInput) -> Int {
        try notNull(nullableArrayCount(compact: compact, elementSize: elementSize))
    }

    /// How many elements to reserve room for when `count` are announced: never more memory than bytes are left.
    package func capacity(for count: Int, stride: Int) -> Int {
        min(count, remaining / stride)
    }

    /// Integers of fixed width, checked together; nil for null.
    @inline(__always)
    private mutating func integers<Value: FixedWidthInteger>(
        compact: Bool, of _: Value.Type
    ) throws(MalformedInput) -> [Value]? {
        let size = MemoryLayout<Value>.size
        guard let count = try nullableArrayCount(compact: compact, elementSize: size) else { return nil }
        let bytes = takeBytes(count * size)
        return [Value](unsafeUninitializedCapacity: count) { values, initialized in
            for index in 0..<count {
                let value = bytes.loadUnaligned(fromByteOffset: index * size, as: Value.self)
                values.initializeElement(at: index, to: Value(bigEndian: value))
            }
            initialized = count
        }
    }

    package mutating func int8Array(compact: Bool) throws(MalformedInput) -> [Int8] {
        try notNull(integers(compact: compact, of: Int8.self))
    }

    package mutating func nullableInt32Array(compact: Bool) throws(MalformedInput) -> [Int32]? {
        try integers(compact: compact, of: Int32.self)
    }

    package mutating func int32Array(compact: Bool) throws(MalformedInput) -> [Int32] {
        try notNull(nullableInt32Array(compact: compact))
    }

    package mutating func int64Array(compact: Bool) throws(MalformedInput) -> [Int64] {
        try notNull(integers(compact: compact, of: Int64.self))
    }

    package mutating func nullableStringArray(compact: Bool) throws(MalformedInput) -> [String]? {
        guard let count = try nullableArrayCount(compact: compact, elementSize: compact ? 1 : 2) else { return nil }
        var strings: [String] = []
        strings.reserveCapacity(capacity(for: count, stride: MemoryLayout<String>.stride))
        for _ in 0..<count { strings.append(try string(compact: compact)) }
        return strings
    }

    package mutating func stringArray(compact: Bool) throws(MalformedInput) -> [String] {
        try notNull(nullableStringArray(compact: compact))
    }

    package mutating func uuidArray(compact: Bool) throws(MalformedInput) -> [KafkaUUID] {
        let count = try arrayCount(compact: compact, elementSize: 16)
        var ids: [KafkaUUID] = []
        ids.reserveCapacity(count)
        for _ in 0..<count { ids.append(try uuid()) }
        return ids
    }
}
