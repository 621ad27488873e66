import ClusterModel

/// Why what a node holds is not what Apache Kafka would write there.
package struct MalformedNode: Error, Sendable, Equatable, CustomStringConvertible {
    /// Which node, in words or as a path.
    package var node: String
    package var reason: String

    package init(node: String, reason: String) {
        self.node = node
        self.reason = reason
    }

    package var description: String { "\(node): \(reason)" }
}

/// Reads the fields of a node's JSON object.
struct NodeFields {
    let node: String
    let object: JSONObject

    /// `text` must be an object whose `version` is one of `versions`.
    init(_ node: String, _ text: [UInt8], versions: ClosedRange<Int64>) throws(MalformedNode) {
        self.node = node
        let value: JSONValue
        do { value = try JSONValue(parsing: text) } catch {
            throw MalformedNode(node: node, reason: error.description)
        }
        guard let object = value.asObject else { throw MalformedNode(node: node, reason: "not an object") }
        self.object = object
        // Apache writes the version of /cluster/id as a string.
        let version = object["version"].flatMap { $0.asInteger ?? $0.asString.flatMap { Int64($0) } }
        guard let version, versions.contains(version) else {
            throw MalformedNode(node: node, reason: "version \(version.map(String.init) ?? "missing")")
        }
    }

    func malformed(_ field: String) -> MalformedNode {
        MalformedNode(node: node, reason: "field \(field) is missing or of the wrong kind")
    }

    func string(_ field: String) throws(MalformedNode) -> String {
        guard let value = object[field]?.asString else { throw malformed(field) }
        return value
    }

    func integer32(_ field: String) throws(MalformedNode) -> Int32 {
        guard let value = object[field]?.asInteger.flatMap({ Int32(exactly: $0) }) else { throw malformed(field) }
        return value
    }

    func brokers(_ field: String) throws(MalformedNode) -> [BrokerID] {
        guard let items = object[field] else { throw malformed(field) }
        return try brokers(items, field)
    }

    func brokers(_ value: JSONValue, _ field: String) throws(MalformedNode) -> [BrokerID] {
        guard let items = value.asArray else { throw malformed(field) }
        var ids: [BrokerID] = []
        for item in items {
            guard let id = item.asInteger.flatMap({ Int32(exactly: $0) }) else { throw malformed(field) }
            ids.append(BrokerID(id))
        }
        return ids
    }

    /// A field that maps names to strings.
    func strings(_ field: String) throws(MalformedNode) -> [String: String] {
        guard let object = object[field]?.asObject else { throw malformed(field) }
        var strings: [String: String] = [:]
        for entry in object.fields {
            guard let value = entry.value.asString else { throw malformed(field) }
            strings[entry.name] = value
        }
        return strings
    }
}

extension JSONValue {
    static func brokers(_ ids: [BrokerID]) -> JSONValue { .array(ids.map { .integer(Int64($0.value)) }) }

    /// Sorted by name.
    static func strings(_ strings: [String: String]) -> JSONValue {
        var object: JSONObject = [:]
        for (name, value) in strings.sorted(by: { $0.key < $1.key }) { object.append(name, .string(value)) }
        return .object(object)
    }
}
