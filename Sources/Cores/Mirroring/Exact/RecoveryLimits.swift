import ClusterModel

/// How old the recovery point of a topic may become: `pattern:milliseconds`, of which the first that matches counts.
package struct RecoveryLimits: Sendable {
    package struct Unreadable: Error, Sendable, Equatable {
        package var entry: String
    }

    /// Of topics for which nobody has said how old they may become.
    private static let unsaid = Duration.seconds(3_600)

    private let limits: [(topics: NameSelection, limit: Duration)]
    /// nil where they are the same.
    private let names: LinkNames?

    /// - Parameter names: those of a link, of whose source's topics the patterns are.
    package init(_ entries: [String] = [], names: LinkNames? = nil) throws(Unreadable) {
        var limits: [(NameSelection, Duration)] = []
        for entry in entries {
            guard let colon = entry.lastIndex(of: ":"), let number = Int64(entry[entry.index(after: colon)...]),
                number > 0
            else { throw Unreadable(entry: entry) }
            do throws(NameSelection.Unreadable) {
                let topics = try NameSelection(including: [String(entry[..<colon])])
                limits.append((topics, .milliseconds(number)))
            } catch {
                throw Unreadable(entry: entry)
            }
        }
        self.limits = limits
        self.names = names
    }

    package var isEmpty: Bool { limits.isEmpty }

    /// Of a topic by its name at the target; nil when nobody has said.
    package func limit(of topic: String) -> Duration? {
        let original = names?.atSource(topic) ?? topic
        return limits.first { $0.topics.contains(original) }?.limit
    }

    /// How near a recovery point of this age is to its limit: 1 at the limit.
    package static func nearness(of age: Duration, to limit: Duration?) -> Double { age / (limit ?? unsaid) }
}

/// Which of the partitions that lie behind are read first.
package enum ReadingOrder {
    package struct Candidate: Sendable {
        package var partition: TopicPartition
        /// The number of the claim that read it last.
        package var lastClaim: Int
        /// How near its recovery point is to its limit.
        package var nearness: Double

        package init(_ partition: TopicPartition, lastClaim: Int, nearness: Double) {
            self.partition = partition
            self.lastClaim = lastClaim
            self.nearness = nearness
        }
    }

    /// One claim in so many is for those that have waited longest, so that what is far beyond its limit starves nobody.
    private static let claimsOfTurn = 4

    /// Nearest to the limit first, and of equals the one that has waited longest.
    /// - Parameter claim: the number of the claim they are ordered for.
    package static func order(_ candidates: [Candidate], for claim: Int) -> [TopicPartition] {
        let isTurn = claim.isMultiple(of: claimsOfTurn)
        return candidates.sorted { left, right in
            if !isTurn, left.nearness != right.nearness { return left.nearness > right.nearness }
            return (left.lastClaim, left.partition) < (right.lastClaim, right.partition)
        }
        .map(\.partition)
    }
}
