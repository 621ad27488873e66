import ClusterModel

/// How much a link reads a second, of all its topics together and of each alone, so that a busy topic leaves room for the
/// others.
///
/// How much a fetch brings is known afterwards only: what came too soon is waited off before the next one.
package struct Bandwidth: Sendable {
    /// Bytes a second; nil for any number.
    package struct Limits: Sendable, Equatable {
        package var link: Int64?
        /// Of each topic.
        package var topic: Int64?

        package init(link: Int64? = nil, topic: Int64? = nil) {
            self.link = link
            self.topic = topic
        }
    }

    /// One limit, and when all that came under it is paid for.
    private struct Pace: Sendable {
        /// So much time in which less came may be made up for.
        private static let credit = Duration.milliseconds(250)

        let bytesPerSecond: Int64
        var paidAt: ContinuousClock.Instant?

        func isOpen(at now: ContinuousClock.Instant) -> Bool { paidAt.map { $0 <= now } ?? true }

        mutating func count(_ bytes: Int, at now: ContinuousClock.Instant) {
            let begin = max(paidAt ?? now, now - Self.credit)
            paidAt = begin + .nanoseconds(Int64(Double(bytes) / Double(bytesPerSecond) * 1e9))
        }
    }

    private let limits: Limits
    private var link: Pace?
    /// Of topics that were read.
    private var topics: [String: Pace] = [:]

    package init(_ limits: Limits) {
        self.limits = limits
        link = limits.link.map { Pace(bytesPerSecond: $0) }
    }

    /// Whether a topic may be read now.
    package func isOpen(_ topic: String, at now: ContinuousClock.Instant) -> Bool {
        (link?.isOpen(at: now) ?? true) && (topics[topic]?.isOpen(at: now) ?? true)
    }

    /// So many bytes of a topic came.
    package mutating func count(_ bytes: Int, of topic: String, at now: ContinuousClock.Instant) {
        link?.count(bytes, at: now)
        guard let limit = limits.topic else { return }
        topics[topic, default: Pace(bytesPerSecond: limit)].count(bytes, at: now)
    }

    /// Forgets topics that are not read any more.
    package mutating func keep(_ names: Set<String>) { topics = topics.filter { names.contains($0.key) } }

    /// What a fetch had better bring at most, in bytes, so that nothing waits long for what came too soon; nil for any
    /// number.
    package var portion: Int32? { limits.link.map(Self.portion) }

    /// The same, of each partition.
    package var portionOfPartition: Int32? { limits.topic.map(Self.portion) }

    /// A tenth of a second's worth, but not so little that reading costs more than what it brings.
    private static func portion(of limit: Int64) -> Int32 { Int32(clamping: max(16_384, limit / 10)) }
}
