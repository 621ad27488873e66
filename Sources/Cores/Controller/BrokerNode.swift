import ClusterModel

/// What a broker's registration holds (`/brokers/ids/<id>`), version 5 of Apache Kafka's format and fields of ours.
extension BrokerRegistration {
    /// The field by which a Martlet broker is told from Apache's, which look at none of ours.
    private static let mark = "implementation"
    private static let markOfMartlet = "martlet"
    private static let directory = "log_directory_id"
    private static let leaving = "shutting_down"
    private static let offline = "offline_replicas"

    /// `epoch` is the zxid that created the node. Versions 4 (no features) and 5 are read.
    package init(parsing text: [UInt8], epoch: Int64) throws(MalformedNode) {
        let fields = try NodeFields("broker registration", text, versions: 4...5)
        let protocols = try fields.strings("listener_security_protocol_map")
        guard let items = fields.object["endpoints"]?.asArray else { throw fields.malformed("endpoints") }
        var endpoints: [BrokerEndpoint] = []
        for item in items {
            guard let text = item.asString, let endpoint = Self.endpoint(text, protocols) else {
                throw fields.malformed("endpoints")
            }
            endpoints.append(endpoint)
        }
        self.init(
            endpoints: endpoints, rack: fields.object["rack"]?.asString, epoch: epoch,
            isMartlet: fields.object[Self.mark]?.asString == Self.markOfMartlet,
            logDirectoryID: fields.object[Self.directory]?.asString.flatMap { KafkaUUID($0) },
            isShuttingDown: fields.object[Self.leaving] == .bool(true))
        // `topic-partition`, as their directories are called.
        for name in fields.object[Self.offline]?.asArray ?? [] {
            guard let text = name.asString, let dash = text.lastIndex(of: "-"),
                let partition = Int32(text[text.index(after: dash)...])
            else { throw fields.malformed(Self.offline) }
            offlineReplicas.insert(TopicPartition(topic: String(text[..<dash]), partition: partition))
        }
    }

    /// `NAME://host:port`; an IPv6 address stands in brackets.
    private static func endpoint(_ text: String, _ protocols: [String: String]) -> BrokerEndpoint? {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://"),
            let portColon = text.lastIndex(of: ":"), portColon > colon,
            let port = Int32(text[text.index(after: portColon)...])
        else { return nil }
        let name = String(text[..<colon])
        var host = text[text.index(colon, offsetBy: 3)..<portColon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return BrokerEndpoint(
            listenerName: name, securityProtocol: protocols[name] ?? name, host: String(host), port: port)
    }

    /// - Parameter unixMilliseconds: when it registers, by its calendar.
    package func text(at unixMilliseconds: Int64) -> [UInt8] {
        var protocols: [String: String] = [:]
        for endpoint in endpoints { protocols[endpoint.listenerName] = endpoint.securityProtocol }
        let texts = endpoints.map { endpoint -> JSONValue in
            let host = endpoint.host.contains(":") ? "[\(endpoint.host)]" : endpoint.host
            return .string("\(endpoint.listenerName)://\(host):\(endpoint.port)")
        }
        // Clients older than listener names read host and port.
        let plain = endpoints.first { $0.securityProtocol == "PLAINTEXT" }
        var node: JSONObject = [
            "features": .object([:]), "listener_security_protocol_map": .strings(protocols),
            "endpoints": .array(texts),
        ]
        if let rack { node.append("rack", .string(rack)) }
        node.append("jmx_port", .integer(-1))
        node.append("port", .integer(Int64(plain?.port ?? -1)))
        node.append("host", plain.map { .string($0.host) } ?? .null)
        node.append("version", .integer(5))
        node.append("timestamp", .string(String(unixMilliseconds)))
        if isMartlet { node.append(Self.mark, .string(Self.markOfMartlet)) }
        if let logDirectoryID { node.append(Self.directory, .string(logDirectoryID.description)) }
        if isShuttingDown { node.append(Self.leaving, .bool(true)) }
        if !offlineReplicas.isEmpty {
            node.append(Self.offline, .array(offlineReplicas.sorted().map { .string($0.description) }))
        }
        return JSONValue.object(node).text
    }
}
