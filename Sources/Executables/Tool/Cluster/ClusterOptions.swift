import ArgumentParser
import Logging
import MartletClient
import Settings

/// Which cluster a command talks to, and how.
struct ClusterOptions: ParsableArguments {
    @Option(help: "Brokers to begin with: host:port,host:port.")
    var bootstrapServer = "localhost:9092"

    @Option(help: "A file of client settings, with Apache Kafka's keys (security.protocol, ssl.*, ...).")
    var commandConfig: String?

    /// Runs `body` with a client of the cluster, which is closed afterwards.
    /// - Parameter properties: settings of the command line, which count before those of the file.
    func withClient<Value>(
        properties: [String: String] = [:], _ body: (KafkaClient) async throws -> Value
    ) async throws -> Value {
        var logger = Logger(label: "martlet", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        let client = try KafkaClient(try settings(properties), logger: logger)
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    /// All client settings as text, by key.
    func texts(_ properties: [String: String] = [:]) throws -> [String: String] {
        var all = ["bootstrap.servers": bootstrapServer]
        if let commandConfig {
            for entry in try PropertiesFile(reading: commandConfig).entries { all[entry.key] = entry.value }
        }
        return all.merging(properties) { $1 }
    }

    private func settings(_ properties: [String: String]) throws -> ClientSettings {
        try ClientSettings(properties: try texts(properties))
    }
}

/// `key=value` on a command line.
struct KeyAndValue: ExpressibleByArgument {
    var key: String
    var value: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else { return nil }
        key = String(argument[..<equals])
        value = String(argument[argument.index(after: equals)...])
    }
}

extension [KeyAndValue] {
    var dictionary: [String: String] { Dictionary(map { ($0.key, $0.value) }) { $1 } }
}
