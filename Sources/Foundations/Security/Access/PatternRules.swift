/// The rules about one pattern, as they are listed and as they are asked.
struct PatternRules: Sendable, Equatable {
    static let unreadable = PatternRules(isReadable: false)

    /// Sorted, each once.
    let entries: [AccessEntry]
    let isReadable: Bool
    /// Of all principals but ``AccessEntry/everybody``.
    let grants: [KafkaPrincipal: [HostGrant]]
    let grantsOfEverybody: [HostGrant]

    var isEmpty: Bool { entries.isEmpty && isReadable }

    private init(isReadable: Bool) {
        entries = []
        self.isReadable = isReadable
        grants = [:]
        grantsOfEverybody = []
    }

    init(_ entries: some Sequence<AccessEntry>) {
        self.entries = Set(entries).sorted()
        isReadable = true
        var grants: [KafkaPrincipal: [HostGrant]] = [:]
        for entry in self.entries {
            // Sorted as they are, those of a principal and host stand next to each other.
            var of = grants[entry.principal] ?? []
            if of.last?.host != entry.host { of.append(HostGrant(host: entry.host)) }
            of[of.count - 1].add(entry)
            grants[entry.principal] = of
        }
        grantsOfEverybody = grants.removeValue(forKey: AccessEntry.everybody) ?? []
        self.grants = grants
    }

    static func == (left: PatternRules, right: PatternRules) -> Bool {
        left.entries == right.entries && left.isReadable == right.isReadable
    }
}

/// What somebody may do from a host.
struct HostGrant: Sendable {
    let host: String
    private(set) var allowed: AccessOperations = []
    private(set) var denied: AccessOperations = []

    init(host: String) { self.host = host }

    mutating func add(_ entry: AccessEntry) {
        switch entry.permission {
        case .allow: allowed.insert(entry.operation)
        case .deny: denied.insert(entry.operation)
        }
    }
}
