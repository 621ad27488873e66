import ArgumentParser
import Security

/// How names of resources are meant.
enum AclPatternType: String, ExpressibleByArgument, CaseIterable {
    case literal, prefixed, any, match

    init?(argument: String) { self.init(rawValue: argument.lowercased()) }

    var form: AccessFilter.Form {
        switch self {
        case .literal: .literal
        case .prefixed: .prefixed
        case .any: .any
        case .match: .match
        }
    }

    /// Whether rules can have it, and not only questions.
    var isSpecific: Bool { self == .literal || self == .prefixed }
}

/// A resource that a command names.
struct AclResource: Hashable, CustomStringConvertible {
    var type: ResourceType
    var name: String
    var form: AclPatternType

    var filter: AccessFilter { AccessFilter(type: type, name: name, form: form.form) }

    /// As `kafka-acls` prints it.
    var description: String {
        "ResourcePattern(resourceType=\(type.constant), name=\(name), patternType=\(form.rawValue.uppercased()))"
    }

    static let cluster = AclResource(type: .cluster, name: ResourcePattern.clusterName, form: .literal)
}

/// The resources that rules are about, by the flags of `kafka-acls`.
struct AclResources: ParsableArguments {
    @Option(help: "A topic, or * for all; repeat for more.") var topic: [String] = []
    @Option(help: "A consumer group, or * for all; repeat for more.") var group: [String] = []
    @Flag(name: .customLong("cluster"), help: "The cluster itself.") var isOnCluster = false
    @Option(help: "A transactional id, or * for all; repeat for more.") var transactionalId: [String] = []
    @Option(help: "A delegation token, or * for all; repeat for more.") var delegationToken: [String] = []
    @Option(help: "A user whose tokens others may make or see; repeat for more.") var userPrincipal: [String] = []
    @Option(
        help:
            "literal or prefixed; to list or remove also any (of that very name) or match (all that count for it)."
    )
    var resourcePatternType = AclPatternType.literal

    /// In the order of the flags; each once.
    var chosen: [AclResource] {
        let named: [(ResourceType, [String])] = [
            (.topic, topic), (.group, group), (.transactionalID, transactionalId), (.delegationToken, delegationToken),
            (.user, userPrincipal),
        ]
        var all: [AclResource] = []
        if isOnCluster, resourcePatternType == .literal { all.append(.cluster) }
        for (type, names) in named {
            all += names.map { AclResource(type: type, name: $0.trimmed, form: resourcePatternType) }
        }
        var seen: Set<AclResource> = []
        return all.filter { seen.insert($0).inserted }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
