import ArgumentParser
import ClusterModel
import MartletClient

/// `martlet configs`: what `kafka-configs.sh` does for topics, brokers, quotas of clients and credentials of users, with
/// its flags.
struct Configs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Describe and alter settings of topics and brokers while they run, quotas of clients, credentials of users.",
        discussion: """
            A user's credentials stand among its quotas: --user alice --alter --add-config \
            'SCRAM-SHA-512=[iterations=8192,password=secret]'. The password itself is never sent.
            """)

    enum Action: String, EnumerableFlag {
        case describe, alter
    }

    enum EntityType: String, ExpressibleByArgument, CaseIterable {
        case topics, brokers, users, clients, ips

        /// What quotas call it; nil for what has none.
        var quotaType: String? {
            switch self {
            case .topics, .brokers: nil
            case .users: "user"
            case .clients: "client-id"
            case .ips: "ip"
            }
        }
    }

    @OptionGroup var cluster: ClusterOptions
    @Flag(help: "What to do.") var action: Action
    @Option(help: "Whose settings.") var entityType: EntityType?
    @Option(help: "The topic, the broker's id, or whose quotas.") var entityName: String?
    @Flag(help: "What holds for all brokers, or for those without quotas of their own.") var entityDefault = false
    @OptionGroup(title: "Quotas, instead of --entity-type") var quotas: QuotaOptions
    @Flag(help: "Describe also what nobody has set.") var all = false
    @Option(help: "Settings to set: key=value,key=[value,value].") var addConfig: String?
    @Option(help: "Settings to take back: key,key.") var deleteConfig: String?

    func validate() throws {
        if action == .alter, try changes().isEmpty {
            throw ValidationError("--add-config or --delete-config is missing")
        }
        if try subject() == .quotas([:]) { throw ValidationError("give --entity-type, or whose quotas these are") }
        _ = try limits()
        if try !credentials().changes.isEmpty, try subject().user == nil {
            throw ValidationError("credentials are those of one user: --user")
        }
    }

    func run() async throws {
        let (subject, changes, limits, credentials) = (
            try subject(), try changes(), try limits(), try credentials().changes
        )
        try await cluster.withClient { client in
            let administrator = Administrator(client)
            switch (action, subject) {
            case (.describe, .settings(let resource)):
                for entry in try await administrator.configuration(of: resource) where all || !entry.isDefault {
                    print("\(entry.name)=\(entry.value ?? "(secret)")\(entry.isReadOnly ? "\tread-only" : "")")
                }
            case (.alter, .settings(let resource)):
                try await administrator.alterConfiguration(of: resource, changes)
            case (.describe, .quotas(let entity)):
                for (key, limit) in (try await administrator.quotas()[entity] ?? [:]).sorted(by: { $0.key < $1.key }) {
                    print("\(key)=\(limit)")
                }
                guard let user = subject.user else { return }
                let credentials = try await administrator.userCredentials([user])[user] ?? [:]
                for (mechanism, iterations) in credentials.sorted(by: { $0.key < $1.key }) {
                    print("\(mechanism.name)=iterations=\(iterations)")
                }
            case (.alter, .quotas(let entity)):
                if !limits.isEmpty { try await administrator.alterQuotas([entity: limits]) }
                if let user = subject.user { try await administrator.alterCredentials(of: user, credentials) }
            }
        }
    }

    private enum Subject: Equatable {
        case settings(Administrator.Resource)
        case quotas(Administrator.QuotaEntity)

        /// The one user that it is.
        var user: String? {
            guard case .quotas(let entity) = self, entity.count == 1 else { return nil }
            return entity["user"] ?? nil
        }
    }

    private func subject() throws -> Subject {
        guard let entityType else { return .quotas(quotas.entity) }
        guard quotas.entity.isEmpty else { throw ValidationError("give --entity-type, or whose quotas these are") }
        if (entityName == nil) != entityDefault { throw ValidationError("give --entity-name or --entity-default") }
        if let type = entityType.quotaType { return .quotas([type: entityName]) }
        guard let entityName else {
            guard entityType == .brokers else { throw ValidationError("topics have no --entity-default") }
            return .settings(.allBrokers)
        }
        guard entityType == .brokers else { return .settings(.topic(entityName)) }
        guard let id = Int32(entityName) else { throw ValidationError("'\(entityName)' is no broker's id") }
        return .settings(.broker(BrokerID(id)))
    }

    /// The changes as quotas have them.
    private func limits() throws -> [String: Double?] {
        guard case .quotas = try subject() else { return [:] }
        return try credentials().others.mapValues { text in
            guard let text else { return nil }
            guard let limit = Double(text) else { throw ValidationError("'\(text)' is no number") }
            return limit
        }
    }

    /// The changes that are of a user's credentials, and the others.
    private func credentials() throws -> CredentialOptions {
        guard case .quotas = try subject() else { return try CredentialOptions([:]) }
        return try CredentialOptions(changes())
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
