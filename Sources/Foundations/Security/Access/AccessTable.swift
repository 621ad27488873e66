/// All rules, found by the resources they are about.
///
/// A value that copies share until one changes. Who asks it pays two look-ups by name, one search among the prefixes of
/// the type, and nothing for the number of rules; nothing is allocated.
package struct AccessTable: Sendable, Equatable {
    private var patterns: [ResourcePattern: PatternRules] = [:]
    /// By the raw value of the type.
    private var prefixes = [PrefixList](repeating: PrefixList(), count: 8)
    /// In which patterns a principal is named, for the question what it may do anywhere.
    private var patternsNaming: [KafkaPrincipal: Set<ResourcePattern>] = [:]

    package init() {}

    /// Replaces the rules about `pattern`; none takes it out.
    package mutating func set(_ pattern: ResourcePattern, _ entries: some Sequence<AccessEntry>) {
        replace(pattern, PatternRules(entries))
    }

    /// Notes that there are rules about `pattern` that nobody can read: nobody may do anything there, for some of them may
    /// deny it.
    package mutating func setUnreadable(_ pattern: ResourcePattern) { replace(pattern, .unreadable) }

    private mutating func replace(_ pattern: ResourcePattern, _ new: PatternRules) {
        let old = patterns[pattern]
        for entry in old?.entries ?? [] {
            patternsNaming[entry.principal]?.remove(pattern)
            if patternsNaming[entry.principal]?.isEmpty ?? false { patternsNaming[entry.principal] = nil }
        }
        for entry in new.entries { patternsNaming[entry.principal, default: []].insert(pattern) }
        patterns[pattern] = new.isEmpty ? nil : new
        guard pattern.form == .prefixed, (old == nil) != new.isEmpty else { return }
        if new.isEmpty {
            prefixes[Int(pattern.type.rawValue)].remove(pattern.name)
        } else {
            prefixes[Int(pattern.type.rawValue)].insert(pattern.name)
        }
    }

    package static func == (left: AccessTable, right: AccessTable) -> Bool { left.patterns == right.patterns }

    // MARK: - Reading

    package var isEmpty: Bool { patterns.isEmpty }

    /// Sorted; none also where nobody can read them.
    package func entries(of pattern: ResourcePattern) -> [AccessEntry] { patterns[pattern]?.entries ?? [] }

    /// Whether there is anything about this pattern, readable or not.
    package func knows(_ pattern: ResourcePattern) -> Bool { patterns[pattern] != nil }

    /// The patterns that `filter` means with those of their rules that it means, sorted.
    package func rules(matching filter: AccessFilter) -> [(pattern: ResourcePattern, entries: [AccessEntry])] {
        let found = patterns.compactMap { pattern, rules -> (pattern: ResourcePattern, entries: [AccessEntry])? in
            guard filter.matches(pattern) else { return nil }
            let entries = rules.entries.filter { filter.matches($0) }
            return entries.isEmpty ? nil : (pattern, entries)
        }
        return found.sorted { $0.pattern < $1.pattern }
    }

    // MARK: - Deciding

    /// What the rules say of somebody and a resource.
    package func standing(
        of principal: KafkaPrincipal, from host: String, on type: ResourceType, _ name: String
    ) -> AccessStanding {
        var standing = AccessStanding()
        forEachPattern(on: type, name) { standing.add($0, principal, host) }
        return standing
    }

    /// The rule that decides as ``standing(of:from:on:_:)`` does, to be told in the log; nil when none speaks of it.
    package func decidingRule(
        for operation: AccessOperation, of principal: KafkaPrincipal, from host: String, on type: ResourceType,
        _ name: String
    ) -> AccessRule? {
        var names: [ResourcePattern] = [
            ResourcePattern(type, name), ResourcePattern(type, ResourcePattern.everyName),
        ]
        prefixes[Int(type.rawValue)].forEachPrefix(of: name) { names.append(ResourcePattern(type, $0, .prefixed)) }
        let rules = names.flatMap { pattern in entries(of: pattern).map { AccessRule(pattern, $0) } }
            .filter { $0.entry.isAbout(principal, host) }
        return rules.first { $0.entry.permission == .deny && $0.entry.covers(operation) }
            ?? rules.first { $0.entry.permission == .allow && $0.entry.covers(operation) }
            ?? rules.first {
                $0.entry.permission == .allow && operation.isAlsoAllowedBy.contains($0.entry.operation)
            }
    }

    private func forEachPattern(on type: ResourceType, _ name: String, _ body: (PatternRules) -> Void) {
        if let rules = patterns[ResourcePattern(type, name)] { body(rules) }
        if let rules = patterns[ResourcePattern(type, ResourcePattern.everyName)], name != ResourcePattern.everyName {
            body(rules)
        }
        prefixes[Int(type.rawValue)].forEachPrefix(of: name) { prefix in
            if let rules = patterns[ResourcePattern(type, prefix, .prefixed)] { body(rules) }
        }
    }

    /// Whether somebody may do something with at least one resource of a type, whatever its name. As Apache's brokers
    /// decide it: by the rules alone, and allowed operations include no others (KIP-679).
    package func permits(
        _ operation: AccessOperation, onSome type: ResourceType, to principal: KafkaPrincipal, from host: String,
        allowsWithoutRules: Bool
    ) -> Bool {
        var (allowed, denied): ([ResourcePattern], [ResourcePattern]) = ([], [])
        let named = (patternsNaming[principal] ?? []).union(patternsNaming[AccessEntry.everybody] ?? [])
        for pattern in named where pattern.type == type {
            var standing = AccessStanding()
            if let rules = patterns[pattern] { standing.add(rules, principal, host) }
            if standing.allowed.covers(operation) { allowed.append(pattern) }
            if standing.denied.covers(operation) { denied.append(pattern) }
        }
        if denied.contains(ResourcePattern(type, ResourcePattern.everyName)) { return false }
        if allowsWithoutRules { return true }
        return allowed.contains { candidate in
            if candidate.form == .literal, candidate.name == ResourcePattern.everyName { return true }
            return !denied.contains { denial in
                denial.form == .literal
                    ? denial == candidate : candidate.name.utf8.starts(with: denial.name.utf8)
            }
        }
    }
}

/// What the rules about a resource say of somebody.
package struct AccessStanding: Sendable {
    /// Whether there are rules about the resource, of whomsoever they speak.
    private(set) var hasRules = false
    private(set) var allowed: AccessOperations = []
    private(set) var denied: AccessOperations = []
    private var isUnreadable = false

    fileprivate mutating func add(_ rules: PatternRules, _ principal: KafkaPrincipal, _ host: String) {
        hasRules = true
        isUnreadable = isUnreadable || !rules.isReadable
        add(rules.grants[principal], host)
        add(rules.grantsOfEverybody, host)
    }

    private mutating func add(_ grants: [HostGrant]?, _ host: String) {
        guard let grants else { return }
        for grant in grants where grant.host == AccessEntry.everyHost || grant.host == host {
            allowed.formUnion(grant.allowed)
            denied.formUnion(grant.denied)
        }
    }

    /// - Parameter allowsWithoutRules: `allow.everyone.if.no.acl.found`
    package func permits(_ operation: AccessOperation, allowsWithoutRules: Bool) -> Bool {
        guard hasRules else { return allowsWithoutRules }
        guard !isUnreadable, !denied.covers(operation) else { return false }
        return allowed.covers(operation) || allowed.intersects(operation.isAlsoAllowedBy)
    }
}

extension AccessEntry {
    fileprivate func isAbout(_ somebody: KafkaPrincipal, _ address: String) -> Bool {
        (principal == somebody || principal == Self.everybody) && (host == address || host == Self.everyHost)
    }

    fileprivate func covers(_ wanted: AccessOperation) -> Bool { operation == wanted || operation == .all }
}
