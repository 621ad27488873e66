/// The names that topics have at both ends of a link that mirrors exactly: the same, or at the target with the source's
/// alias before them.
///
///     at us-east        at eu-west            the link us-east->eu-west, prefixed
///     orders            us-east.orders        what us-east has of its own, or from elsewhere
///     eu-west.orders    orders                what is eu-west's, wherever its home is now
///
/// Invariant: both ways undo each other, and the link the other way gives the same pairs. A name that can have none
/// at the other end, as it would be another one's, is marked, and no cluster has a topic of the marked name; so whoever asks
/// for one is told that there is none.
package struct LinkNames: Sendable, Equatable {
    /// Not allowed in names of topics.
    private static let mark = "!"

    package let source: String
    package let target: String
    package let policy: ReplicationPolicy

    package init(source: String, target: String, policy: ReplicationPolicy) {
        self.source = source
        self.target = target
        self.policy = policy
    }

    /// Whether every topic has one name.
    package var areSame: Bool { policy.naming == .identity }

    package func atTarget(_ topic: String) -> String { renamed(topic, from: source, to: target) }

    package func atSource(_ topic: String) -> String { renamed(topic, from: target, to: source) }

    /// Whether a name, as the other end's topics are called here, is none that a topic can have.
    package static func isMarked(_ topic: String) -> Bool { topic.hasPrefix(mark) }

    /// Whether the source's topic of that name ought to be a topic of the target's that it mirrors, or has become the home
    /// of.
    package func namesTargets(_ topic: String) -> Bool {
        !areSame && !isOwn(topic) && topic.hasPrefix(target + policy.separator)
    }

    private func renamed(_ topic: String, from here: String, to there: String) -> String {
        if areSame || isOwn(topic) { return topic }
        if topic.hasPrefix(Self.mark) { return String(topic.dropFirst(Self.mark.count)) }
        let name = other(topic, from: here, to: there)
        let isUsable = !name.isEmpty && !isOwn(name) && other(name, from: there, to: here) == topic
        return isUsable ? name : Self.mark + topic
    }

    private func other(_ name: String, from here: String, to there: String) -> String {
        let prefix = there + policy.separator
        return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : here + policy.separator + name
    }

    /// Topics of which each cluster has its own.
    private func isOwn(_ topic: String) -> Bool {
        topic.isEmpty || policy.isInternal(topic) || policy.isHeartbeats(topic)
    }
}

extension LinkNames {
    /// The start of names at the target that stands for one at the source, the empty one for all topics of the source.
    /// What the source has of the target's, an empty one does not stand for.
    package func startAtTarget(_ start: String) -> String { renamedStart(start, from: source, to: target) }

    private func renamedStart(_ start: String, from here: String, to there: String) -> String {
        areSame || isOwn(start) && !start.isEmpty ? start : other(start, from: here, to: there)
    }
}

extension TopicPlan {
    /// Of the topics that an exact link mirrors.
    package var names: LinkNames { LinkNames(source: source, target: target, policy: policy) }
}
