import Controller

/// By which writable forks of a link's mirror topics come into being, beside them at the same cluster, for a drill.
///
/// Its name stands in every fork's settings (`mirror.link`) for as long as the fork lives: it says whose the fork is,
/// so that nobody else's topic is ever deleted with a drill, and it is no link's name, so that no link takes the fork
/// for one of its own topics, or copies it.
package struct ForkLink: Sendable, Equatable {
    /// A prefix that makes no names of topics, or not other ones.
    package struct UnusablePrefix: Error, Sendable, Equatable, CustomStringConvertible {
        package var prefix: String

        package var description: String {
            "'\(prefix)' is no prefix for forks: it needs a letter, digit, '.', '_' or '-' at least, and nothing else"
        }
    }

    private static let separator = "!drill:"
    private static let markGroupPrefix = "martlet-mirror-drill "

    /// `source->target`, of the link whose mirror topics are forked.
    package let link: String
    /// A fork's name is this and its mirror topic's name.
    package let prefix: String

    package init(of link: String, prefix: String) throws(UnusablePrefix) {
        guard !prefix.isEmpty, prefix.utf8.allSatisfy(Self.isAllowed) else { throw UnusablePrefix(prefix: prefix) }
        self.link = link
        self.prefix = prefix
    }

    /// What can stand in the name of a topic.
    private static func isAllowed(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// As it stands in settings.
    package var name: String { link + Self.separator + prefix }

    /// The group whose offsets say of each partition how far it was forked; it dies with the forks.
    package var markGroup: String { Self.markGroupPrefix + name }

    /// Whether a group is no application's but some drill's own.
    package static func isMarkGroup(_ group: String) -> Bool { group.hasPrefix(markGroupPrefix) }

    package func fork(of topic: String) -> String { prefix + topic }

    /// The mirror topic of which a topic is this drill's fork; nil when it is none.
    package func origin(of topic: String, _ standing: MirrorStanding) -> String? {
        guard standing.link == name, topic.hasPrefix(prefix) else { return nil }
        return String(topic.dropFirst(prefix.count))
    }

    /// Whether the name of a link is one that forks have.
    static func isForkLink(_ name: String) -> Bool { name.contains(separator) }
}

extension MirrorStanding {
    /// Whether the topic is a fork of a mirror topic, made for a drill.
    package var isFork: Bool { ForkLink.isForkLink(link) }
}
