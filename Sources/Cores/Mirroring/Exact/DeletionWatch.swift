/// What a link does about mirror topics, or copies, whose source topics were deleted (`mirror.deletion.policy`).
package enum DeletionPolicy: String, Sendable, CaseIterable {
    /// They stay, and people are told that there is something to decide.
    case ask
    /// They stay.
    case keep
    /// They are deleted too.
    case follow

    /// What people have to decide about such a topic.
    /// - Parameter source: the alias of the cluster.
    package static func question(ofTopicDeletedAt source: String) -> String {
        "\(source) has deleted it: promote its mirror topic or delete it, or set mirror.deletion.policy"
    }

    /// The same of a copy, which nobody can promote.
    /// - Parameters:
    ///   - remote: the copy's name.
    ///   - source: the alias of the cluster.
    package static func question(ofCopy remote: String, of source: String) -> String {
        "\(source) has deleted it: delete its copy \(remote), or set mirror.deletion.policy to keep or follow"
    }
}

/// Notices that topics were deleted at the source. A broker that has just started may not know all of its cluster's
/// topics, so only what is missing at several looks in a row is believed to be gone.
package struct DeletionWatch: Sendable {
    private static let looks = 3

    /// For how many looks in a row a topic was missing.
    private var missing: [String: Int] = [:]

    package init() {}

    /// One look. Returns those that are believed to be gone, in order.
    /// - Parameter absent: the link's topics of which the source says that it has none of that name.
    package mutating func look(absent: Set<String>) -> [String] {
        missing = Dictionary(uniqueKeysWithValues: absent.map { ($0, min(Self.looks, (missing[$0] ?? 0) + 1)) })
        return missing.filter { $0.value == Self.looks }.keys.sorted()
    }
}
