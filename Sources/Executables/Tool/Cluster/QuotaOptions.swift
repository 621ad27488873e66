import ArgumentParser
import MartletClient

/// Whose quotas: `--user alice`, `--user-defaults`, and so on, alone or a user with a client (KIP-422).
struct QuotaOptions: ParsableArguments {
    @Option(help: "The user whose quotas these are.") var user: String?
    @Option(help: "The client id whose quotas these are.") var client: String?
    @Option(help: "The address whose quotas these are.") var ip: String?
    @Flag(help: "Quotas of users that have none of their own.") var userDefaults = false
    @Flag(help: "Quotas of client ids that have none of their own.") var clientDefaults = false
    @Flag(help: "Quotas of addresses that have none of their own.") var ipDefaults = false

    func validate() throws {
        for (name, isDefault, option) in named where name != nil && isDefault {
            throw ValidationError("give --\(option) or --\(option)-defaults")
        }
    }

    /// Empty when the quotas of nobody are meant.
    var entity: Administrator.QuotaEntity {
        let types = ["user": "user", "client": "client-id", "ip": "ip"]
        var entity: Administrator.QuotaEntity = [:]
        for (name, isDefault, option) in named where name != nil || isDefault {
            entity.updateValue(name, forKey: types[option] ?? option)
        }
        return entity
    }

    private var named: [(name: String?, isDefault: Bool, option: String)] {
        [(user, userDefaults, "user"), (client, clientDefaults, "client"), (ip, ipDefaults, "ip")]
    }
}
