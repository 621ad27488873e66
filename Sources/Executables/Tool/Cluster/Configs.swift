import ArgumentParser
import ClusterModel
import MartletClient

/// `martlet configs`: what `kafka-configs.sh` does for topics and brokers, with its flags.
struct Configs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Describe and alter settings of topics and brokers while they run.")

    enum Action: String, EnumerableFlag {
        case describe, alter
    }

    enum EntityType: String, ExpressibleByArgument, CaseIterable {
        case topics, brokers
    }

    @OptionGroup var cluster: ClusterOptions
    @Flag(help: "What to do.") var action: Action
    @Option(help: "Whose settings.") var entityType: EntityType
    @Option(help: "The topic, or the broker's id.") var entityName: String?
    @Flag(help: "What holds for all brokers.") var entityDefault = false
    @Flag(help: "Describe also what nobody has set.") var all = false
    @Option(help: "Settings to set: key=value,key=[value,value].") var addConfig: String?
    @Option(help: "Settings to take back: key,key.") var deleteConfig: String?

    func validate() throws {
        if (entityName == nil) != entityDefault { throw ValidationError("give --entity-name or --entity-default") }
        if entityDefault, entityType == .topics { throw ValidationError("topics have no --entity-default") }
        if action == .alter, try changes().isEmpty {
            throw ValidationError("--add-config or --delete-config is missing")
        }
        _ = try resource()
    }

    func run() async throws {
        let (resource, changes) = (try resource(), try changes())
        try await cluster.withClient { client in
            let administrator = Administrator(client)
            switch action {
            case .describe:
                for entry in try await administrator.configuration(of: resource) where all || !entry.isDefault {
                    print("\(entry.name)=\(entry.value ?? "(secret)")\(entry.isReadOnly ? "\tread-only" : "")")
                }
            case .alter: try await administrator.alterConfiguration(of: resource, changes)
            }
        }
    }

    private func resource() throws -> Administrator.Resource {
        guard let entityName else { return .allBrokers }
        guard entityType == .brokers else { return .topic(entityName) }
        guard let id = Int32(entityName) else { throw ValidationError("'\(entityName)' is no broker's id") }
        return .broker(BrokerID(id))
    }

    private func changes() throws -> [String: String?] {
        var changes: [String: String?] = [:]
        for key in (deleteConfig ?? "").split(separator: ",") { changes.updateValue(nil, forKey: String(key)) }
        for item in Self.items(addConfig ?? "") {
            guard let pair = KeyAndValue(argument: item) else { throw ValidationError("'\(item)' is not key=value") }
            let isList = pair.value.hasPrefix("[") && pair.value.hasSuffix("]")
            changes.updateValue(isList ? String(pair.value.dropFirst().dropLast()) : pair.value, forKey: pair.key)
        }
        return changes
    }

    /// Splits at commas outside of brackets.
    private static func items(_ text: String) -> [String] {
        var items = [""]
        var depth = 0
        for character in text {
            if character == "[" { depth += 1 }
            if character == "]" { depth -= 1 }
            if character == ",", depth == 0 { items.append("") } else { items[items.count - 1].append(character) }
        }
        return items.filter { !$0.isEmpty }
    }
}
