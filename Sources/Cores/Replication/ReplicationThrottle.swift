import Seams

/// How fast one side of a broker's replication may be (KIP-73): bytes over the last few windows of time.
///
/// Bytes are counted after they were let through, so that one answer may overdraw: nothing more is let through until the
/// mean is at the limit again. As Apache Kafka's brokers measure it, the mean is over the time since the oldest window
/// that still counts began, and over one window at least.
package struct ReplicationThrottle: Sendable {
    private struct Sample {
        var begin: Instant
        var bytes: Int64
    }

    /// More makes no difference to anybody, and keeps sums in range.
    private static let longestSpan = Duration.seconds(31 * 86_400)

    /// Bytes per second; nil: any number.
    package var limit: Int64?
    private let window: Duration
    /// How long a window counts.
    private let span: Duration
    /// The oldest first.
    private var samples: [Sample] = []

    /// - Parameters:
    ///   - windowCount: `replication.quota.window.num`
    ///   - window: `replication.quota.window.size.seconds`
    package init(windowCount: Int, window: Duration) {
        precondition(windowCount > 0 && window > .zero, "\(windowCount) windows of \(window)")
        self.window = min(window, Self.longestSpan)
        span = min(window * windowCount, Self.longestSpan)
    }

    package mutating func count(_ bytes: Int, at now: Instant) {
        samples.removeAll { now - $0.begin >= span }
        if let last = samples.last, now - last.begin < window {
            samples[samples.count - 1].bytes += Int64(bytes)
        } else {
            samples.append(Sample(begin: now, bytes: Int64(bytes)))
        }
    }

    package func isExceeded(at now: Instant) -> Bool { allowed(from: now) > now }

    /// The first moment from `now` on at which more may be let through, if nothing is until then.
    package func allowed(from now: Instant) -> Instant {
        guard let limit else { return now }
        var sum = samples.reduce(Int64(0)) { $0 + $1.bytes }
        var earliest = now
        for sample in samples {
            let end = sample.begin + span
            let paid = sample.begin + paidOff(sum, at: limit)
            if max(earliest, paid) < end { return max(earliest, paid) }
            earliest = max(earliest, end)
            sum -= sample.bytes
        }
        return earliest
    }

    /// After how long so many bytes are no more than the limit; the whole span when that takes longer.
    private func paidOff(_ bytes: Int64, at limit: Int64) -> Duration {
        guard Int128(bytes) * 1_000_000_000 > Int128(limit) * Int128(window.nanoseconds) else { return .zero }
        guard limit > 0 else { return span }
        let nanoseconds = (Int128(bytes) * 1_000_000_000 + Int128(limit) - 1) / Int128(limit)
        return nanoseconds < Int128(span.nanoseconds) ? .nanoseconds(Int64(nanoseconds)) : span
    }
}
