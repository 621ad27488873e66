import Security

/// Where a cluster is and how to talk to it: what producers, consumers and administrators have in common.
public struct ClientSettings: Sendable {
    /// Host and port of one broker to begin with.
    public struct Address: Sendable, Hashable, CustomStringConvertible {
        public var host: String
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        public var description: String { "\(host):\(port)" }
    }

    /// Tried in order until one answers (`bootstrap.servers`).
    public var bootstrapServers: [Address]
    public var clientID = "martlet"
    package var securityProtocol = SecurityProtocol.plaintext
    package var tls = TLSSettings()
    /// How long an answer may take before its connection is given up (`request.timeout.ms`).
    public var requestTimeout = Duration.seconds(30)
    /// How long an operation may take with all its retries (`default.api.timeout.ms`).
    public var operationTimeout = Duration.seconds(60)
    /// The first wait before a retry; doubles up to ``maximumRetryBackoff`` (`retry.backoff.ms`).
    public var retryBackoff = Duration.milliseconds(100)
    public var maximumRetryBackoff = Duration.seconds(1)
    /// `metadata.max.age.ms`.
    public var metadataMaximumAge = Duration.seconds(300)
    /// `socket.connection.setup.timeout.max.ms`, with TLS.
    public var connectTimeout = Duration.seconds(30)

    /// A client of the cluster that one of `bootstrapServers` belongs to, over plaintext.
    public init(bootstrapServers: [Address]) {
        self.bootstrapServers = bootstrapServers
    }

    /// Reads Apache Kafka's client keys (`bootstrap.servers`, `security.protocol`, `ssl.*`, …) of `properties`; others
    /// are left to who knows them. Throws ``UnusableSetting``.
    public init(properties: [String: String]) throws {
        let reader = PropertyReader(properties)
        bootstrapServers = try reader.addresses("bootstrap.servers")
        clientID = properties["client.id"] ?? clientID
        if let text = properties["security.protocol"] {
            guard let value = SecurityProtocol(rawValue: text.uppercased()) else {
                throw UnusableSetting(
                    key: "security.protocol", value: text, cause: "must be PLAINTEXT or SSL")
            }
            guard !value.usesSASL else {
                throw UnusableSetting(
                    key: "security.protocol", value: text, cause: "this client has no SASL mechanism; use SSL")
            }
            securityProtocol = value
        }
        do throws(UnusableTLSKey) {
            tls = try TLSSettings(keys: { properties[$0] })
        } catch {
            throw UnusableSetting(key: error.key, value: error.value, cause: error.cause)
        }
        requestTimeout = try reader.milliseconds("request.timeout.ms") ?? requestTimeout
        operationTimeout = try reader.milliseconds("default.api.timeout.ms") ?? operationTimeout
        retryBackoff = try reader.milliseconds("retry.backoff.ms") ?? retryBackoff
        maximumRetryBackoff = try reader.milliseconds("retry.backoff.max.ms") ?? maximumRetryBackoff
        metadataMaximumAge = try reader.milliseconds("metadata.max.age.ms") ?? metadataMaximumAge
        connectTimeout = try reader.milliseconds("socket.connection.setup.timeout.max.ms") ?? connectTimeout
    }
}

/// A setting with a value that cannot be used.
public struct UnusableSetting: Error, Sendable, Equatable, CustomStringConvertible {
    public var key: String
    public var value: String
    /// What is wrong, and what would be right.
    public var cause: String

    public var description: String { "\(key)=\(value): \(cause)" }
}

/// Reads typed values out of text properties.
struct PropertyReader {
    private let properties: [String: String]

    init(_ properties: [String: String]) { self.properties = properties }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(UnusableSetting) -> Int? {
        guard let text = properties[key] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw UnusableSetting(
                key: key, value: text, cause: "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func milliseconds(_ key: String) throws(UnusableSetting) -> Duration? {
        try integer(key, in: 0...Int(Int32.max)).map { .milliseconds($0) }
    }

    func boolean(_ key: String) throws(UnusableSetting) -> Bool? {
        guard let text = properties[key] else { return nil }
        switch text.lowercased() {
        case "true": return true
        case "false": return false
        default: throw UnusableSetting(key: key, value: text, cause: "must be true or false")
        }
    }

    /// One of `choices`, by name.
    func choice<Value>(_ key: String, _ choices: KeyValuePairs<String, Value>) throws(UnusableSetting) -> Value? {
        guard let text = properties[key] else { return nil }
        guard let found = choices.first(where: { $0.key == text }) else {
            let names = choices.map { $0.key }.joined(separator: ", ")
            throw UnusableSetting(key: key, value: text, cause: "must be one of \(names)")
        }
        return found.value
    }

    /// `host:port,host:port`, IPv6 addresses in brackets.
    func addresses(_ key: String) throws(UnusableSetting) -> [ClientSettings.Address] {
        let text = properties[key] ?? ""
        var addresses: [ClientSettings.Address] = []
        for part in text.split(separator: ",") {
            let trimmed = part.filter { !$0.isWhitespace }
            guard let colon = trimmed.lastIndex(of: ":"),
                let port = Int(trimmed[trimmed.index(after: colon)...]), (1...65535).contains(port),
                colon > trimmed.startIndex
            else {
                throw UnusableSetting(key: key, value: text, cause: "\(part) is not host:port")
            }
            let host = trimmed[..<colon].filter { $0 != "[" && $0 != "]" }
            addresses.append(ClientSettings.Address(host: host, port: port))
        }
        guard !addresses.isEmpty else {
            throw UnusableSetting(key: key, value: text, cause: "must name at least one host:port")
        }
        return addresses
    }
}
