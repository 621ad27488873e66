/// How topics are named at the target, and which topics are the mirror's own; as MirrorMaker 2 has it (KIP-382).
package struct ReplicationPolicy: Sendable, Equatable {
    package enum Naming: Sendable, Equatable {
        /// `orders` of `us-east` is `us-east.orders` (DefaultReplicationPolicy).
        case prefixed
        /// Names stay as they are, heartbeats excepted (IdentityReplicationPolicy).
        case identity
    }

    package static let heartbeatsTopic = "heartbeats"

    package var naming: Naming
    /// Between alias and topic; `replication.policy.separator`.
    package var separator: String
    /// Between the parts of internal topics' names: the separator, or a dot
    /// (`replication.policy.internal.topic.separator.enabled`).
    package var internalSeparator: String

    package init(naming: Naming = .prefixed, separator: String = ".", internalSeparator: String = ".") {
        self.naming = naming
        self.separator = separator
        self.internalSeparator = internalSeparator
    }

    /// The name at the target of a topic of `source`.
    package func remoteTopic(_ topic: String, of source: String) -> String {
        naming == .identity && !isHeartbeats(topic) ? topic : source + separator + topic
    }

    /// The name at `source` of the topic of which `remote` is the copy; nil when it is no copy from there.
    package func originalTopic(of remote: String, from source: String) -> String? {
        let prefix = source + separator
        let isPrefixed = naming == .prefixed || isHeartbeats(remote)
        let original = isPrefixed ? String(remote.dropFirst(prefix.count)) : remote
        return remoteTopic(original, of: source) == remote ? original : nil
    }

    /// The alias of the cluster a topic was mirrored from, as its name tells; nil when it tells nothing.
    package func source(of topic: String) -> String? {
        if naming == .identity, !isHeartbeats(topic) { return nil }
        return split(topic)?.source
    }

    private func split(_ topic: String) -> (source: String, rest: String)? {
        guard let place = topic.firstRange(of: separator), place.lowerBound > topic.startIndex else { return nil }
        return (String(topic[..<place.lowerBound]), String(topic[place.upperBound...]))
    }

    /// Whether the topic, or what it was mirrored from, is a topic of heartbeats.
    package func isHeartbeats(_ topic: String) -> Bool {
        var rest = topic
        while let next = split(rest)?.rest { rest = next }
        return rest == Self.heartbeatsTopic
    }

    /// Topics of brokers, of Connect and of mirrors, which are never copied.
    package func isInternal(_ topic: String) -> Bool {
        topic.hasPrefix("__") || topic.hasPrefix(".") || topic.hasSuffix("-internal") || topic.hasSuffix(".internal")
            || (topic.hasPrefix("mm2") && topic.hasSuffix(internalSeparator + "internal"))
            || topic.hasSuffix(checkpointsTopic(source: ""))
    }

    /// Whether a copy would return to where the topic came from, directly or over other clusters.
    package func isCycle(_ topic: String, to target: String) -> Bool {
        var rest = topic
        while let source = source(of: rest) {
            if source == target { return true }
            guard let next = split(rest)?.rest else { return false }
            rest = next
        }
        return false
    }

    /// Where offset syncs of the flow to or from `other` stand, in the cluster that is not `other`.
    package func offsetSyncsTopic(other: String) -> String {
        "mm2-offset-syncs" + internalSeparator + other + internalSeparator + "internal"
    }

    /// Where checkpoints of the groups of `source` stand.
    package func checkpointsTopic(source: String) -> String {
        source + internalSeparator + "checkpoints" + internalSeparator + "internal"
    }
}
