import ClusterModel
import FoundationEssentials
import NIOCore
import WireCoding

/// Takes the members of a JSON object one by one, each as the field it has to be.
struct JSONFields: ~Copyable {
    private let members: [JSONValue.Member]
    private var taken: Set<String> = []

    init(_ json: JSONValue) throws(JSONMismatch) {
        guard case .object(let members) = json else { throw JSONMismatch("expected an object, found \(json.kind)") }
        self.members = members
    }

    /// Refuses members that no field asked for, and those that stand twice.
    consuming func finish() throws(JSONMismatch) {
        var seen: Set<String> = []
        for member in members {
            guard taken.contains(member.name) else { throw JSONMismatch(member.name, "no field of this version") }
            guard seen.insert(member.name).inserted else { throw JSONMismatch(member.name, "stands twice") }
        }
    }

    /// Whether a tagged field is given.
    func has(_ name: String) -> Bool {
        members.contains { $0.name == name }
    }

    private mutating func take(_ name: String) throws(JSONMismatch) -> JSONValue {
        taken.insert(name)
        guard let member = members.first(where: { $0.name == name }) else { throw JSONMismatch(name, "missing") }
        return member.value
    }

    /// Nil for null where that is `allowed`.
    private mutating func takeNullable(_ name: String, _ allowed: Bool) throws(JSONMismatch) -> JSONValue? {
        let value = try take(name)
        guard value == .null else { return value }
        guard allowed else { throw JSONMismatch(name, "null, which this version does not allow") }
        return nil
    }

    // MARK: Numbers

    private mutating func integer<Value: FixedWidthInteger>(
        _ name: String, _: Value.Type
    ) throws(JSONMismatch) -> Value {
        try Self.integer(take(name), at: name)
    }

    private static func integer<Value: FixedWidthInteger>(
        _ json: JSONValue, at path: String
    ) throws(JSONMismatch) -> Value {
        guard case .integer(let number) = json else {
            throw JSONMismatch(path, "expected an integer, found \(json.kind)")
        }
        guard let value = Value(exactly: number) else {
            throw JSONMismatch(path, "\(number) is not within \(Value.min) and \(Value.max)")
        }
        return value
    }

    mutating func int8(_ name: String) throws(JSONMismatch) -> Int8 { try integer(name, Int8.self) }
    mutating func int16(_ name: String) throws(JSONMismatch) -> Int16 { try integer(name, Int16.self) }
    mutating func int32(_ name: String) throws(JSONMismatch) -> Int32 { try integer(name, Int32.self) }
    mutating func int64(_ name: String) throws(JSONMismatch) -> Int64 { try integer(name, Int64.self) }
    mutating func uint16(_ name: String) throws(JSONMismatch) -> UInt16 { try integer(name, UInt16.self) }
    mutating func uint32(_ name: String) throws(JSONMismatch) -> UInt32 { try integer(name, UInt32.self) }

    mutating func float64(_ name: String) throws(JSONMismatch) -> Double {
        switch try take(name) {
        case .number(let value): return value
        case .integer(let value): return Double(value)
        case .string(let text):
            guard let value = Double(text), !value.isFinite else { throw JSONMismatch(name, "'\(text)' is no number") }
            return value
        case let other: throw JSONMismatch(name, "expected a number, found \(other.kind)")
        }
    }

    mutating func bool(_ name: String) throws(JSONMismatch) -> Bool {
        let json = try take(name)
        guard case .bool(let value) = json else { throw JSONMismatch(name, "expected a boolean, found \(json.kind)") }
        return value
    }

    // MARK: Text and bytes

    private static func text(_ json: JSONValue, at path: String) throws(JSONMismatch) -> String {
        guard case .string(let text) = json else { throw JSONMismatch(path, "expected a string, found \(json.kind)") }
        guard text.utf8.count <= WireReader.longestString else {
            throw JSONMismatch(
                path, "a string of \(text.utf8.count) bytes; Kafka's have at most \(WireReader.longestString)")
        }
        return text
    }

    mutating func string(_ name: String) throws(JSONMismatch) -> String {
        try Self.text(take(name), at: name)
    }

    mutating func nullableString(_ name: String, allowed: Bool = true) throws(JSONMismatch) -> String? {
        guard let json = try takeNullable(name, allowed) else { return nil }
        return try Self.text(json, at: name)
    }

    private static func bytes(_ json: JSONValue, at path: String) throws(JSONMismatch) -> ByteBuffer {
        guard case .string(let text) = json else { throw JSONMismatch(path, "expected base64, found \(json.kind)") }
        guard let bytes = Data(base64Encoded: text) else { throw JSONMismatch(path, "no base64") }
        return ByteBuffer(bytes: bytes)
    }

    mutating func bytes(_ name: String) throws(JSONMismatch) -> ByteBuffer {
        try Self.bytes(take(name), at: name)
    }

    mutating func nullableBytes(_ name: String, allowed: Bool = true) throws(JSONMismatch) -> ByteBuffer? {
        guard let json = try takeNullable(name, allowed) else { return nil }
        return try Self.bytes(json, at: name)
    }

    mutating func records(_ name: String) throws(JSONMismatch) -> RecordBytes {
        .inMemory(try bytes(name))
    }

    mutating func nullableRecords(_ name: String, allowed: Bool = true) throws(JSONMismatch) -> RecordBytes? {
        guard let bytes = try nullableBytes(name, allowed: allowed) else { return nil }
        return .inMemory(bytes)
    }

    private static func uuid(_ json: JSONValue, at path: String) throws(JSONMismatch) -> KafkaUUID {
        guard case .string(let text) = json, let id = KafkaUUID(text) else {
            throw JSONMismatch(path, "expected 22 characters of URL-safe base64")
        }
        return id
    }

    mutating func uuid(_ name: String) throws(JSONMismatch) -> KafkaUUID {
        try Self.uuid(take(name), at: name)
    }

    // MARK: Arrays and structures

    private static func elements<Element>(
        _ json: JSONValue, at path: String,
        _ element: (JSONValue, String) throws(JSONMismatch) -> Element
    ) throws(JSONMismatch) -> [Element] {
        guard case .array(let values) = json else { throw JSONMismatch(path, "expected an array, found \(json.kind)") }
        var elements: [Element] = []
        for (index, value) in values.enumerated() { elements.append(try element(value, "\(path)[\(index)]")) }
        return elements
    }

    mutating func int8Array(_ name: String) throws(JSONMismatch) -> [Int8] {
        try Self.elements(take(name), at: name, Self.integer)
    }

    mutating func int32Array(_ name: String) throws(JSONMismatch) -> [Int32] {
        try Self.elements(take(name), at: name, Self.integer)
    }

    mutating func nullableInt32Array(_ name: String, allowed: Bool = true) throws(JSONMismatch) -> [Int32]? {
        guard let json = try takeNullable(name, allowed) else { return nil }
        return try Self.elements(json, at: name, Self.integer)
    }

    mutating func int64Array(_ name: String) throws(JSONMismatch) -> [Int64] {
        try Self.elements(take(name), at: name, Self.integer)
    }

    mutating func stringArray(_ name: String) throws(JSONMismatch) -> [String] {
        try Self.elements(take(name), at: name, Self.text)
    }

    mutating func nullableStringArray(_ name: String, allowed: Bool = true) throws(JSONMismatch) -> [String]? {
        guard let json = try takeNullable(name, allowed) else { return nil }
        return try Self.elements(json, at: name, Self.text)
    }

    mutating func uuidArray(_ name: String) throws(JSONMismatch) -> [KafkaUUID] {
        try Self.elements(take(name), at: name, Self.uuid)
    }

    private static func structure<Value: JSONStructure>(
        _ json: JSONValue, at path: String, version: Int16
    ) throws(JSONMismatch) -> Value {
        do throws(JSONMismatch) {
            return try Value(json: json, version: version)
        } catch {
            throw error.under(path)
        }
    }

    mutating func structure<Value: JSONStructure>(_ name: String, version: Int16) throws(JSONMismatch) -> Value {
        try Self.structure(take(name), at: name, version: version)
    }

    mutating func nullableStructure<Value: JSONStructure>(
        _ name: String, version: Int16, allowed: Bool = true
    ) throws(JSONMismatch) -> Value? {
        guard let json = try takeNullable(name, allowed) else { return nil }
        return try Self.structure(json, at: name, version: version)
    }

    mutating func array<Value: JSONStructure>(_ name: String, version: Int16) throws(JSONMismatch) -> [Value] {
        try Self.elements(take(name), at: name) { (json, path) throws(JSONMismatch) in
            try Self.structure(json, at: path, version: version)
        }
    }

    mutating func nullableArray<Value: JSONStructure>(
        _ name: String, version: Int16, allowed: Bool = true
    ) throws(JSONMismatch) -> [Value]? {
        guard let json = try takeNullable(name, allowed) else { return nil }
        return try Self.elements(json, at: name) { (json, path) throws(JSONMismatch) in
            try Self.structure(json, at: path, version: version)
        }
    }
}
