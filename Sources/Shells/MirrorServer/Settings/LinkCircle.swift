import Mirroring

/// A circle of exact links around which a topic would be brought back to where it came from. With prefixed names it would
/// have another one at each place, and does not go round where a pattern on the way does not match that.
struct LinkCircle: CustomStringConvertible {
    /// As the first link's source has it.
    var pattern: String
    /// The first again at its end.
    var clusters: [String]

    var description: String {
        "topics '\(pattern)' would be mirrored in a circle \(clusters.joined(separator: "->")); disable one of the links or "
            + "name different topics"
    }

    /// The first one found; nil when there is none. Patterns are followed as if they were names. That two clusters mirror
    /// from each other is no circle.
    static func find(in links: [LinkSettings]) -> LinkCircle? {
        let exact = links.filter { $0.isEnabled && $0.mode != .compatible }
        for first in exact {
            for pattern in first.plan.topics.patterns {
                let name = first.names.atTarget(pattern)
                guard let way = way(of: name, over: exact, [first.source, first.target]) else { continue }
                return LinkCircle(pattern: pattern, clusters: way)
            }
        }
        return nil
    }

    private static func way(of name: String, over links: [LinkSettings], _ clusters: [String]) -> [String]? {
        for link in links where link.source == clusters.last && link.plan.topics.matches(name) {
            let isReturn = clusters.count > 1 && link.target == clusters[clusters.count - 2]
            if isReturn { continue }
            if link.target == clusters.first { return clusters + [link.target] }
            guard !clusters.contains(link.target),
                let rest = way(of: link.names.atTarget(name), over: links, clusters + [link.target])
            else { continue }
            return rest
        }
        return nil
    }
}

extension NameSelection {
    /// Whether a name, or a pattern as it is written, is among those of the selection.
    fileprivate func matches(_ name: String) -> Bool { contains(name) || patterns.contains(name) }
}
