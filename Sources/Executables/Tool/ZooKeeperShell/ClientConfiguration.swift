import CoordinatorClient
import Security
import Settings

/// What a client of Apache ZooKeeper is told of TLS and SASL, by the names of its properties: in a file
/// (`-client-configuration`), or as zkCli.sh takes them from `CLIENT_JVMFLAGS`.
struct ClientConfiguration: Equatable {
    private static let prefix = "zookeeper."
    private static let jaas = "java.security.auth.login.config"

    private(set) var values: [String: String] = [:]

    /// `-Dname=value` words of Java's command line.
    init(javaFlags: String) {
        for word in ShellLine.words(javaFlags)
        where word.hasPrefix("-D\(Self.prefix)") || word.hasPrefix("-D\(Self.jaas)=") {
            guard let equals = word.firstIndex(of: "=") else { continue }
            values[String(word[..<equals].dropFirst(2))] = String(word[word.index(after: equals)...])
        }
    }

    mutating func add(_ file: PropertiesFile) {
        for entry in file.entries { values[entry.key] = entry.value }
    }

    /// nil when plaintext is spoken.
    func tls() throws(UnusableTLSKey) -> TLSSettings? {
        guard value("client.secure")?.lowercased() == "true" else { return nil }
        return try TLSSettings { key in
            switch key {
            case "ssl.keystore.location": value("ssl.keyStore.location")
            case "ssl.keystore.type": value("ssl.keyStore.type")
            case "ssl.key.password": value("ssl.keyStore.password")
            case "ssl.truststore.location": value("ssl.trustStore.location")
            case "ssl.truststore.type": value("ssl.trustStore.type")
            case "ssl.enabled.protocols": value("ssl.enabledProtocols")
            case "ssl.protocol": value("ssl.protocol")
            case "ssl.cipher.suites": value("ssl.ciphersuites")
            case "ssl.endpoint.identification.algorithm":
                value("ssl.hostnameVerification").map { $0.lowercased() == "false" ? "" : "https" }
            default: nil
            }
        }
    }

    /// nil when the session is nobody's in particular.
    func login() throws(JAASConfiguration.UnusableSection) -> CoordinatorLogin? {
        guard value("sasl.client")?.lowercased() != "false", let path = values[Self.jaas] else { return nil }
        let section = try JAASConfiguration.section(value("sasl.clientconfig") ?? "Client", of: path)
        return try CoordinatorLogin(
            section, service: value("sasl.client.username"), serverPrincipal: value("server.principal"))
    }

    private func value(_ name: String) -> String? { values[Self.prefix + name] }
}
