import Transport

/// Where and how to reach a coordinator, ours or Apache's.
package struct CoordinatorSettings: Sendable {
    package struct Server: Sendable, Equatable, CustomStringConvertible {
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// Why a connect string cannot be used.
    package struct UnreadableAddress: Error, Sendable, Equatable, CustomStringConvertible {
        package var text: String
        package var reason: String

        package var description: String { "coordinator address \"\(text)\": \(reason)" }
    }

    /// Tried in turn, from a place drawn by chance; never empty.
    package var servers: [Server]
    /// The folder that all paths are below, without a `/` at the end; empty: the root.
    package var chroot: String
    /// What is asked for; the server may grant more or less.
    package var sessionTimeout = Duration.milliseconds(18_000)
    /// How long the first connection may take, over all servers.
    package var connectionTimeout = Duration.milliseconds(18_000)
    package var tls: TLSContexts?
    /// Whether a server that has lost its ensemble will do, as one that answers reads alone. Such a connection is kept
    /// until it ends, though another server might serve.
    package var acceptsReadOnly = false
    /// nil: as nobody in particular.
    package var login: CoordinatorLogin?

    /// Reads `host:port,host:port/chroot`; a port that is left out is 2181.
    package init(connect text: String) throws(UnreadableAddress) {
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        var chroot = text[slash...]
        while chroot.hasSuffix("/") { chroot = chroot.dropLast() }
        self.chroot = String(chroot)
        servers = []
        for part in text[..<slash].split(separator: ",", omittingEmptySubsequences: false) {
            let address = part.drop { $0 == " " }.prefix { $0 != " " }
            guard let server = Self.server(address) else {
                throw UnreadableAddress(text: text, reason: "\"\(address)\" is not host:port")
            }
            servers.append(server)
        }
    }

    private static func server(_ text: Substring) -> Server? {
        var host = text
        var port = 2181
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            guard let number = Int(text[text.index(after: colon)...]), (1...65535).contains(number) else { return nil }
            host = text[..<colon]
            port = number
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : Server(host: String(host), port: port)
    }
}
