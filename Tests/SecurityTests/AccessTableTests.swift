import Testing

@testable import Security

/// The decision, word for word as Apache Kafka documents it, over a bare list of rules.
private struct PlainRules {
    var rules: Set<AccessRule> = []
    var allowsWithoutRules = false

    private func isAbout(_ pattern: ResourcePattern, _ type: ResourceType, _ name: String) -> Bool {
        guard pattern.type == type else { return false }
        let (ours, theirs) = (Array(pattern.name.utf8), Array(name.utf8))
        return pattern.form == .literal
            ? pattern.name == "*" || ours == theirs : ours.count <= theirs.count && ours == Array(theirs[..<ours.count])
    }

    private func speaksOf(_ entry: AccessEntry, _ principal: KafkaPrincipal, _ host: String) -> Bool {
        (entry.principal == principal || entry.principal == KafkaPrincipal(name: "*"))
            && (entry.host == host || entry.host == "*")
    }

    func permits(
        _ operation: AccessOperation, _ type: ResourceType, _ name: String, _ principal: KafkaPrincipal, _ host: String
    ) -> Bool {
        let about = rules.filter { isAbout($0.pattern, type, name) }
        if about.isEmpty { return allowsWithoutRules }
        let mine = about.filter { speaksOf($0.entry, principal, host) }
        func has(_ permission: AccessPermission, _ operations: [AccessOperation]) -> Bool {
            mine.contains { $0.entry.permission == permission && (operations + [.all]).contains($0.entry.operation) }
        }
        if has(.deny, [operation]) { return false }
        switch operation {
        case .describe: return has(.allow, [.describe, .read, .write, .delete, .alter])
        case .describeConfigs: return has(.allow, [.describeConfigs, .alterConfigs])
        default: return has(.allow, [operation])
        }
    }

    /// Tries names; allowed is what the rules allow with some name, counting no implied operations.
    func permitsSomewhere(
        _ operation: AccessOperation, _ type: ResourceType, _ principal: KafkaPrincipal, _ host: String
    ) -> Bool {
        let mine = rules.filter { $0.pattern.type == type && speaksOf($0.entry, principal, host) }
            .filter { $0.entry.operation == operation || $0.entry.operation == .all }
        let (allowed, denied) = (
            mine.filter { $0.entry.permission == .allow }, mine.filter { $0.entry.permission == .deny }
        )
        if denied.contains(where: { $0.pattern == ResourcePattern(type, "*") }) { return false }
        if allowsWithoutRules { return true }
        return allowed.contains { rule in
            if rule.pattern == ResourcePattern(type, "*") { return true }
            return !denied.contains { denial in
                denial.pattern.form == .prefixed
                    ? rule.pattern.name.utf8.starts(with: denial.pattern.name.utf8) : denial.pattern == rule.pattern
            }
        }
    }
}

/// The same numbers in every run (SplitMix64).
private struct Shuffle: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

@Suite("Who may do what") struct AccessTableTests {
    private let alice = KafkaPrincipal(name: "alice")
    private let bob = KafkaPrincipal(name: "CN=bob,O=Example")

    private func table(_ rules: [AccessRule]) -> AccessTable {
        var table = AccessTable()
        for (pattern, rules) in Dictionary(grouping: rules, by: \.pattern) { table.set(pattern, rules.map(\.entry)) }
        return table
    }

    private func may(
        _ table: AccessTable, _ who: KafkaPrincipal, _ operation: AccessOperation, _ name: String,
        from host: String = "10.0.0.1"
    ) -> Bool {
        table.standing(of: who, from: host, on: .topic, name).permits(operation, allowsWithoutRules: false)
    }

    @Test("Tables decide as a list of rules does that is read from end to end, while rules come and go")
    func twin() {
        var random = Shuffle(state: 20_261_122)
        let names = ["*", "a", "ab", "abc", "abd", "b", "b-1", "ba", "abcd", "zz", "a\u{301}", "\u{e1}"]
        let hosts = ["*", "10.0.0.1", "10.0.0.2"]
        let principals = [alice, bob, AccessEntry.everybody, .anonymous]
        let operations: [AccessOperation] = [.all, .read, .write, .describe, .alter, .alterConfigs, .describeConfigs]
        for round in 0..<25 {
            var plain = PlainRules(allowsWithoutRules: round % 5 == 0)
            var table = AccessTable()
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let pattern = ResourcePattern(
                    [.topic, .group].randomElement(using: &random) ?? .topic,
                    names.randomElement(using: &random) ?? "a",
                    ResourcePattern.Form.allCases.randomElement(using: &random) ?? .literal)
                if Int.random(in: 0..<6, using: &random) == 0 {
                    plain.rules = plain.rules.filter { $0.pattern != pattern }
                } else {
                    plain.rules.insert(
                        AccessRule(
                            pattern,
                            AccessEntry(
                                Int.random(in: 0..<4, using: &random) == 0 ? .deny : .allow,
                                operations.randomElement(using: &random) ?? .all,
                                to: principals.randomElement(using: &random) ?? alice,
                                from: hosts.randomElement(using: &random) ?? "*")))
                }
                table.set(pattern, plain.rules.filter { $0.pattern == pattern }.map(\.entry))
                guard Int.random(in: 0..<5, using: &random) == 0 else { continue }
                check(table, plain, names, hosts, principals, operations)
            }
        }
    }

    private func check(
        _ table: AccessTable, _ plain: PlainRules, _ names: [String], _ hosts: [String],
        _ principals: [KafkaPrincipal], _ operations: [AccessOperation]
    ) {
        for principal in principals where principal != AccessEntry.everybody {
            for host in hosts.dropFirst() {
                for name in names.dropFirst() + ["abcx", "q", ""] {
                    let standing = table.standing(of: principal, from: host, on: .topic, name)
                    for operation in operations.dropFirst() {
                        let expected = plain.permits(operation, .topic, name, principal, host)
                        #expect(
                            standing.permits(operation, allowsWithoutRules: plain.allowsWithoutRules) == expected,
                            "\(principal) \(operation) \(name) from \(host): \(plain.rules)")
                        let rule = table.decidingRule(for: operation, of: principal, from: host, on: .topic, name)
                        if let rule { #expect((rule.entry.permission == .allow) == expected) }
                    }
                }
                for operation in [AccessOperation.read, .write] {
                    #expect(
                        table.permits(
                            operation, onSome: .topic, to: principal, from: host,
                            allowsWithoutRules: plain.allowsWithoutRules)
                            == plain.permitsSomewhere(operation, .topic, principal, host),
                        "\(principal) \(operation) somewhere from \(host): \(plain.rules)")
                }
            }
        }
    }

    @Test("What denies counts before what allows, however narrow")
    func denial() {
        let table = table([
            AccessRule(ResourcePattern(.topic, "pay", .prefixed), AccessEntry(.allow, .all, to: alice)),
            AccessRule(
                ResourcePattern(.topic, "*"), AccessEntry(.deny, .write, to: AccessEntry.everybody, from: "9.9.9.9")),
            AccessRule(ResourcePattern(.topic, "pay-secret"), AccessEntry(.deny, .read, to: alice)),
        ])
        #expect(may(table, alice, .write, "pay-1"))
        #expect(!may(table, alice, .write, "pay-1", from: "9.9.9.9"))
        #expect(may(table, alice, .read, "pay-1", from: "9.9.9.9"))
        #expect(!may(table, alice, .read, "pay-secret"))
        // Denied is reading, and what reading would imply is not.
        #expect(may(table, alice, .describe, "pay-secret"))
        #expect(!may(table, alice, .read, "pa"))
        #expect(!may(table, bob, .read, "pay-1"))
    }

    @Test("A combining character does not lead around a denied prefix, nor do look-alike names share rules")
    func exactNames() {
        let table = table([
            AccessRule(ResourcePattern(.group, "*"), AccessEntry(.allow, .read, to: alice)),
            AccessRule(ResourcePattern(.group, "abc", .prefixed), AccessEntry(.deny, .read, to: alice)),
            AccessRule(ResourcePattern(.transactionalID, "\u{e9}"), AccessEntry(.allow, .write, to: alice)),
        ])
        func may(_ type: ResourceType, _ name: String, _ operation: AccessOperation) -> Bool {
            table.standing(of: alice, from: "1.1.1.1", on: type, name).permits(operation, allowsWithoutRules: false)
        }
        #expect(may(.group, "ab", .read))
        #expect(!may(.group, "abc\u{301}", .read))
        #expect(may(.transactionalID, "\u{e9}", .write))
        #expect(!may(.transactionalID, "e\u{301}", .write))
        #expect(KafkaPrincipal(name: "\u{e9}") != KafkaPrincipal(name: "e\u{301}"))
    }

    @Test("Filters mean what kafka-acls means by them")
    func filters() {
        let rules = [
            AccessRule(ResourcePattern(.topic, "orders"), AccessEntry(.allow, .read, to: alice)),
            AccessRule(ResourcePattern(.topic, "*"), AccessEntry(.allow, .describe, to: bob)),
            AccessRule(ResourcePattern(.topic, "ord", .prefixed), AccessEntry(.deny, .write, to: bob, from: "1.2.3.4")),
            AccessRule(ResourcePattern(.group, "orders"), AccessEntry(.allow, .read, to: alice)),
        ]
        let table = table(rules)
        func found(_ filter: AccessFilter) -> [AccessRule] {
            table.rules(matching: filter).flatMap { pattern, entries in entries.map { AccessRule(pattern, $0) } }
        }
        #expect(found(AccessFilter()) == rules.sorted())
        #expect(found(AccessFilter(type: .topic, name: "orders", form: .literal)) == [rules[0]])
        #expect(found(AccessFilter(type: .topic, name: "orders", form: .any)) == [rules[0]])
        #expect(found(AccessFilter(name: "orders", form: .any)) == [rules[0], rules[3]])
        #expect(found(AccessFilter(type: .topic, name: "orders", form: .match)) == rules[..<3].sorted())
        #expect(found(AccessFilter(type: .topic, name: "ord", form: .prefixed)) == [rules[2]])
        #expect(found(AccessFilter(principal: "User:CN=bob,O=Example")) == [rules[1], rules[2]].sorted())
        #expect(found(AccessFilter(host: "1.2.3.4")) == [rules[2]])
        #expect(found(AccessFilter(operation: .read, permission: .allow)) == [rules[0], rules[3]])
        for rule in rules {
            let (pattern, entry) = (rule.pattern, rule.entry)
            var filter = AccessFilter(
                type: pattern.type, name: pattern.name, form: pattern.form == .literal ? .literal : .prefixed,
                principal: "\(entry.principal)", host: entry.host, operation: entry.operation,
                permission: entry.permission)
            #expect(found(filter) == [rule])
            #expect(filter.onlyRule == rule)
            filter.form = .match
            #expect(filter.onlyRule == nil)
        }
    }

    @Test("Words are read in Apache's spellings, and nothing else is")
    func words() {
        for operation in AccessOperation.allCases {
            #expect(AccessOperation(name: operation.name) == operation)
            #expect(AccessOperation(name: operation.name.uppercased()) == operation)
        }
        for type in ResourceType.allCases { #expect(ResourceType(name: type.name) == type) }
        #expect(AccessOperation.describeConfigs.constant == "DESCRIBE_CONFIGS")
        #expect(ResourceType.transactionalID.constant == "TRANSACTIONAL_ID")
        #expect(AccessOperation(name: "Unknown") == nil)
        #expect(AccessPermission(name: "ALLOW") == .allow)
    }

    @Test("Super users stand between semicolons, for names of certificates hold commas")
    func superUsers() throws {
        #expect(try AccessSettings.superUsers("User:alice; User:CN=bob,O=Example;").get() == [alice, bob])
        #expect(try AccessSettings.superUsers(" ").get() == [])
        #expect(AccessSettings.superUsers("User:alice,bob;carol") == .failure(UnreadablePrincipal(text: "carol")))
    }
}
