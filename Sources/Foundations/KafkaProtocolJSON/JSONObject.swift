import ClusterModel
import FoundationEssentials
import NIOCore
import WireCoding

/// Collects the fields of a structure as members of a JSON object, in order.
struct JSONObject: ~Copyable {
    private var members: [JSONValue.Member] = []

    consuming func value() -> JSONValue { .object(members) }

    private mutating func add(_ name: String, _ value: JSONValue) {
        members.append(JSONValue.Member(name, value))
    }

    mutating func integer(_ name: String, _ value: some FixedWidthInteger) { add(name, .integer(Int64(value))) }
    mutating func float64(_ name: String, _ value: Double) { add(name, .number(value)) }
    mutating func bool(_ name: String, _ value: Bool) { add(name, .bool(value)) }
    mutating func string(_ name: String, _ value: String?) { add(name, value.map { .string($0) } ?? .null) }
    mutating func uuid(_ name: String, _ value: KafkaUUID) { add(name, .string(value.description)) }

    mutating func bytes(_ name: String, _ value: ByteBuffer?) {
        add(name, value.map { .string(Data($0.readableBytesView).base64EncodedString()) } ?? .null)
    }

    mutating func records(_ name: String, _ value: RecordBytes?) {
        switch value {
        case nil: add(name, .null)
        case .inMemory(let buffer): bytes(name, buffer)
        case .inFile(let range): preconditionFailure("\(name): \(range.count) bytes in a file were never read")
        }
    }

    mutating func integerArray(_ name: String, _ values: [some FixedWidthInteger]?) {
        add(name, values.map { .array($0.map { .integer(Int64($0)) }) } ?? .null)
    }

    mutating func stringArray(_ name: String, _ values: [String]?) {
        add(name, values.map { .array($0.map { .string($0) }) } ?? .null)
    }

    mutating func uuidArray(_ name: String, _ values: [KafkaUUID]) {
        add(name, .array(values.map { .string($0.description) }))
    }

    mutating func structure(_ name: String, _ value: (some JSONStructure)?, version: Int16) {
        add(name, value?.json(version: version) ?? .null)
    }

    mutating func array(_ name: String, _ values: [some JSONStructure]?, version: Int16) {
        add(name, values.map { .array($0.map { $0.json(version: version) }) } ?? .null)
    }
}
