import Settings

/// What contradicts itself in a `zoo.cfg`, though every value by itself is allowed.
extension SettingValues {
    var contradictions: [String] { equalPorts + unusableSecrets + useless }

    /// Ports that the file gives twice, on addresses that overlap. One that is not in the file is no contradiction: a
    /// default that is in use is told when the port is opened.
    private var equalPorts: [String] {
        var endpoints: [(key: String, port: Int64, host: String)] = []
        let keys = [
            ("clientPort", "clientPortAddress"), ("secureClientPort", "secureClientPortAddress"),
            ("admin.serverPort", "admin.serverAddress"), ("metricsProvider.httpPort", "metricsProvider.httpHost"),
        ]
        for (key, address) in keys where isSet(key) && isUsed(key) && integer(key) != 0 {
            endpoints.append((key, integer(key), text(address)))
        }
        return endpoints.enumerated().flatMap { index, endpoint in
            endpoints[..<index].filter { other in
                other.port == endpoint.port
                    && (other.host == endpoint.host || other.host.isEveryAddress || endpoint.host.isEveryAddress)
            }.map { "\(place(of: endpoint.key))\(endpoint.key) and \($0.key) are both \(endpoint.port)" }
        }
    }

    /// Whether the port is opened at all.
    private func isUsed(_ key: String) -> Bool {
        switch key {
        case "admin.serverPort": boolean("admin.enableServer")
        case "metricsProvider.httpPort":
            text("metricsProvider.className") == CoordinatorSchema.prometheusMetricsProvider
        default: true
        }
    }

    private var unusableSecrets: [String] {
        let key = "DigestAuthenticationProvider.superDigest"
        guard let digest = self[key], digest.split(separator: ":").count != 2 else { return [] }
        return ["\(place(of: key))\(key) is not user:hash"]
    }

    /// Keys that say how to do what another key switches off.
    private var useless: [String] {
        var sentences: [String] = []
        if isSet("audit.logFile"), !boolean("audit.enable") {
            sentences.append("\(place(of: "audit.logFile"))audit.logFile without audit.enable=true: nothing is audited")
        }
        if isSet("metricsProvider.httpPort"), !isUsed("metricsProvider.httpPort") {
            sentences.append(
                "\(place(of: "metricsProvider.httpPort"))metricsProvider.httpPort without "
                    + "metricsProvider.className=\(CoordinatorSchema.prometheusMetricsProvider): no port is opened")
        }
        return sentences
    }
}

extension String {
    fileprivate var isEveryAddress: Bool { isEmpty || self == "0.0.0.0" || self == "::" }
}
