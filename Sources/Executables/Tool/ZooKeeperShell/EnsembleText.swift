/// The configuration of an ensemble, as `/zookeeper/config` holds it and `reconfig` takes it.
enum EnsembleText {
    /// What `config -c` prints: the configuration's version, and where clients connect.
    static func clients(_ configuration: String) -> String {
        var version = ""
        var addresses: [String] = []
        for line in configuration.split(whereSeparator: \.isNewline) {
            guard let equals = line.firstIndex(of: "=") else { continue }
            let key = line[..<equals]
            let value = line[line.index(after: equals)...]
            if key == "version" { version = String(value) }
            if key.hasPrefix("server."), let semicolon = value.lastIndex(of: ";") {
                let client = value[value.index(after: semicolon)...]
                addresses.append(client.contains(":") ? String(client) : "0.0.0.0:\(client)")
            }
        }
        return "\(version) \(addresses.joined(separator: ","))"
    }

    /// The members that a dynamic configuration file lists, for `reconfig -file`.
    static func members(file text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { line in
            let rest = line.drop { $0.isWhitespace }
            return rest.prefix { !$0.isWhitespace }
        }
        .filter { $0.hasPrefix("server.") }.joined(separator: ",")
    }
}
