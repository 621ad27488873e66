import ArgumentParser
import MartletClient
import Security

/// `martlet acls`: what `kafka-acls.sh` does through brokers, with its flags and in its words.
struct Acls: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Add, remove and list rules of access (ACLs).")

    enum Action: EnumerableFlag {
        case add, remove, list
    }

    @OptionGroup var connection: ClusterOptions
    @Flag(help: "What to do.") var action: Action
    @OptionGroup(title: "What the rules are about") var resources: AclResources
    @OptionGroup(title: "What the rules say") var sayings: AclSayings
    @Option(help: "With --list: only the rules of this principal; repeat for more.") var principal: [String] = []
    @Flag(help: "Remove without asking.") var force = false

    func validate() throws {
        switch action {
        case .list:
            if !sayings.areEmpty { throw ValidationError("--list takes no rules: only resources and --principal") }
        case .add:
            guard resources.resourcePatternType.isSpecific else {
                throw ValidationError(
                    "a --resource-pattern-type of \(resources.resourcePatternType.rawValue) is not valid when adding "
                        + "rules")
            }
            guard try wanted().allSatisfy({ !$0.entries.isEmpty }) else {
                throw ValidationError("give --allow-principal or --deny-principal: whom the rules are about")
            }
        case .remove: _ = try wanted()
        }
        if !principal.isEmpty, action != .list { throw ValidationError("--principal goes with --list") }
        for text in principal { _ = try AclSayings.principal(text) }
    }

    /// The rules that are meant, by resource; without entries all rules about it.
    private func wanted() throws -> [AclChoice] {
        try sayings.choices(of: resources)
    }

    func run() async throws {
        try await connection.withClient { client in
            let administrator = Administrator(client)
            switch action {
            case .add: try await add(administrator)
            case .remove: try await remove(administrator)
            case .list: try await list(administrator)
            }
        }
    }

    private func add(_ administrator: Administrator) async throws {
        for choice in try wanted() {
            print("Adding ACLs for resource `\(choice.resource)`: \n \(Self.lines(choice.entries)) \n")
            try await administrator.createAccessRules(choice.rules.map { RuleName($0) })
        }
    }

    private func remove(_ administrator: Administrator) async throws {
        for choice in try wanted() {
            let question =
                choice.entries.isEmpty
                ? "Are you sure you want to delete all ACLs for resource filter `\(choice.resource)`? (y/n)"
                : "Are you sure you want to remove ACLs: \n \(Self.lines(choice.entries)) \n"
                    + " from resource filter `\(choice.resource)`? (y/n)"
            guard isConfirmed(question) else { continue }
            try await administrator.deleteAccessRules(matching: choice.filters)
        }
    }

    private func isConfirmed(_ question: String) -> Bool {
        if force { return true }
        print(question)
        return readLine()?.lowercased() == "y"
    }

    private func list(_ administrator: Administrator) async throws {
        var rules: Set<AccessRule> = []
        let filters = resources.chosen.map(\.filter)
        for filter in filters.isEmpty ? [AccessFilter()] : filters {
            rules.formUnion(try await administrator.accessRules(matching: filter).compactMap { AccessRule($0) })
        }
        if principal.isEmpty { return tell(rules) }
        for text in principal {
            let whom = try AclSayings.principal(text)
            print("ACLs for principal `\(whom)`")
            tell(rules.filter { $0.entry.principal == whom })
        }
    }

    private func tell(_ rules: Set<AccessRule>) {
        for (pattern, rules) in Dictionary(grouping: rules, by: \.pattern).sorted(by: { $0.key < $1.key }) {
            print("Current ACLs for resource `\(pattern)`: \n \(Self.lines(rules.map(\.entry).sorted())) \n")
        }
    }

    private static func lines(_ entries: [AccessEntry]) -> String {
        entries.map { "\t\($0)" }.joined(separator: "\n")
    }
}
