import Controller
import Security
import Settings
import Transport

/// `NAME://host:port` of `listeners` and `advertised.listeners`.
struct ListenerAddress: Equatable {
    /// Upper case.
    var name: String
    /// Without the brackets of IPv6.
    var host: String
    var port: Int

    /// nil when `text` is no such address.
    init?(_ text: String) {
        guard let scheme = text.firstRange(of: "://"), let colon = text.lastIndex(of: ":"), colon >= scheme.upperBound
        else { return nil }
        guard let port = Int(text[text.index(after: colon)...]), (0...65535).contains(port) else { return nil }
        name = text[..<scheme.lowerBound].uppercased()
        var host = text[scheme.upperBound..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.host = String(host)
        self.port = port
        if name.isEmpty { return nil }
    }
}

extension BrokerSettings {
    /// The listeners, and what clients of each are told.
    static func readListeners(
        _ values: SettingValues, problems: inout [String]
    ) -> ([ListenerSettings], [BrokerEndpoint]) {
        let protocols = readProtocols(values, problems: &problems)
        let addresses = readAddresses("listeners", values, problems: &problems)
        var advertised = addresses
        if values.isSet("advertised.listeners") {
            advertised = readAddresses("advertised.listeners", values, problems: &problems)
            for address in advertised where !addresses.contains(where: { $0.name == address.name }) {
                problems.append(
                    "\(values.place(of: "advertised.listeners"))advertised.listeners names \(address.name), "
                        + "which listeners does not have")
            }
        }
        var listeners: [ListenerSettings] = []
        var endpoints: [BrokerEndpoint] = []
        for address in addresses {
            guard let security = protocols[address.name] else {
                problems.append(
                    "\(values.place(of: "listeners"))listener \(address.name) has no security protocol: "
                        + "add it to listener.security.protocol.map")
                continue
            }
            if security.usesSASL {
                problems.append(
                    "\(values.place(of: "listeners"))listener \(address.name) wants \(security.rawValue): "
                        + "SASL is not available yet, use PLAINTEXT or SSL")
                continue
            }
            if let listener = listener(address, security, values, problems: &problems) { listeners.append(listener) }
            guard let told = advertised.first(where: { $0.name == address.name }) else { continue }
            endpoints.append(
                BrokerEndpoint(
                    listenerName: address.name, securityProtocol: security.rawValue, host: told.host,
                    port: Int32(told.port)))
        }
        return (listeners, endpoints)
    }

    private static func readAddresses(
        _ key: String, _ values: SettingValues, problems: inout [String]
    ) -> [ListenerAddress] {
        var addresses: [ListenerAddress] = []
        for text in values.list(key) {
            guard let address = ListenerAddress(text) else {
                problems.append("\(values.place(of: key))\(key)='\(text)' is not allowed: NAME://host:port")
                continue
            }
            if addresses.contains(where: { $0.name == address.name }) {
                problems.append("\(values.place(of: key))\(key) names \(address.name) twice")
            } else if address.port != 0,
                addresses.contains(where: { $0.port == address.port && $0.host == address.host })
            {
                problems.append("\(values.place(of: key))\(key) has two listeners on port \(address.port)")
            } else {
                addresses.append(address)
            }
        }
        if addresses.isEmpty && problems.isEmpty {
            problems.append("\(values.place(of: key))\(key) is empty: at least one NAME://host:port")
        }
        return addresses
    }

    private static func readProtocols(
        _ values: SettingValues, problems: inout [String]
    ) -> [String: SecurityProtocol] {
        let key = "listener.security.protocol.map"
        var protocols: [String: SecurityProtocol] = [:]
        for item in values.list(key) {
            let parts = item.split(separator: ":").map(\.trimmed)
            guard parts.count == 2, let security = SecurityProtocol(rawValue: parts[1].uppercased()) else {
                problems.append(
                    "\(values.place(of: key))\(key)='\(item)' is not allowed: NAME:PROTOCOL, with one of "
                        + SecurityProtocol.allCases.map(\.rawValue).joined(separator: ", "))
                continue
            }
            protocols[parts[0].uppercased()] = security
        }
        return protocols
    }

    /// What `listener.name.<listener>.<key>` sets counts before `<key>`.
    private static func listener(
        _ address: ListenerAddress, _ security: SecurityProtocol, _ values: SettingValues, problems: inout [String]
    ) -> ListenerSettings? {
        let prefix = BrokerSchema.listenerPrefix + address.name.lowercased() + "."
        func name(_ key: String) -> String { values.isSet(prefix + key) ? prefix + key : key }
        func number(_ key: String) -> Int64 { Int64((values[name(key)] ?? values.text(key)).trimmed) ?? 0 }
        var listener = ListenerSettings(
            name: address.name, host: address.host, port: address.port, securityProtocol: security)
        listener.maximumFrameSizeInBytes = Int(values.integer("socket.request.max.bytes"))
        let idle = number("connections.max.idle.ms")
        listener.maximumIdleTime = idle < 0 ? nil : .milliseconds(idle)
        listener.maximumConnections = Int(number("max.connections"))
        listener.maximumConnectionsPerAddress = Int(values.integer("max.connections.per.ip"))
        guard security.usesTLS else { return listener }
        do throws(UnusableTLSKey) {
            let tls = try TLSSettings { key in values.isSet(name(key)) ? values[name(key)] : nil }
            guard tls.identity != nil else {
                problems.append(
                    "\(values.path): listener \(address.name) speaks TLS and has no certificate: set "
                        + "ssl.keystore.location to a PEM file with key and certificate")
                return nil
            }
            listener.tls = tls
        } catch {
            problems.append("\(values.place(of: name(error.key)))\(error)")
        }
        let rules = name("ssl.principal.mapping.rules")
        do throws(PrincipalMapping.Unreadable) {
            listener.principals = try PrincipalMapping(values[rules] ?? values.text("ssl.principal.mapping.rules"))
        } catch {
            problems.append("\(values.place(of: rules))\(error)")
        }
        return listener
    }
}
