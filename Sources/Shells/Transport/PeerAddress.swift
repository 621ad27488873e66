import NIOCore

extension SocketAddress {
    /// The address without its port; of an IPv4 peer of a socket that serves both families the IPv4 address (RFC 4291,
    /// 2.5.5.2), which rules and logs name. nil for a socket of the file system.
    var host: String? {
        guard let text = ipAddress else { return nil }
        let prefix = "::ffff:"
        guard case .v6 = self, text.hasPrefix(prefix), text.contains(".") else { return text }
        return String(text.dropFirst(prefix.count))
    }

    /// The address as configurations have it: `127.0.0.1:9092`, `[::1]:9092`.
    var text: String {
        let host = host ?? ""
        return host.contains(":") ? "[\(host)]:\(port ?? 0)" : "\(host):\(port ?? 0)"
    }
}
