import ClusterModel
import Seams

/// Whether a link keeps up with a partition whose records are to be in two regions before acks=all is answered, for one
/// epoch of its leader.
///
///     keeping up ──something was not confirmed in time──▶ degraded ──half of that time behind, or less──▶ keeping up
///
/// While the link keeps up, answers wait until its target has confirmed; so no answer waits longer than the limit after
/// its records were committed here. A leader begins without knowing anything: what an earlier one was told may have been
/// said of records that this one does not have.
///
/// Invariant: what is confirmed never goes back.
package struct SynchronousLink: Sendable {
    /// All before `end` was committed here at that time.
    private struct Mark: Sendable {
        var end: Offset
        var since: Instant
    }

    /// Marks are not set more often than so many times within the limit: a little time more or less is no matter.
    private static let marksWithinLimit = 64

    /// `source->target`
    package let name: String
    /// How long after its commit here a record may be missing at the target.
    package var limit: Duration
    package private(set) var isDegraded = false
    /// All before it is committed at the target; -1 before anything was told.
    package private(set) var confirmed: Offset = -1
    /// In order. While degraded there is one at most: where the log's committed part ended when that was last reached.
    private var unconfirmed: [Mark]

    /// - Parameter highWatermark: what is committed here as the leader begins.
    package init(_ name: String, limit: Duration, highWatermark: Offset, at now: Instant) {
        self.name = name
        self.limit = limit
        unconfirmed = highWatermark > 0 ? [Mark(end: highWatermark, since: now)] : []
    }

    /// When a ``tick(at:)`` is wanted; `never` while nothing is missing at the target, or nobody waits for it.
    package var deadline: Instant {
        guard !isDegraded, let first = unconfirmed.first else { return .never }
        return first.since + limit
    }

    /// Up to where acks=all is answered.
    package func answeredEnd(highWatermark: Offset) -> Offset {
        isDegraded ? highWatermark : min(highWatermark, confirmed)
    }

    /// The high watermark has come to `end`.
    package mutating func committed(_ end: Offset, at now: Instant) {
        guard !isDegraded, end > confirmed else { return }
        if let last = unconfirmed.last, now - last.since < limit / Self.marksWithinLimit {
            unconfirmed[unconfirmed.count - 1].end = end
        } else {
            unconfirmed.append(Mark(end: end, since: now))
        }
    }

    /// The target has committed all before `end`.
    /// - Returns: whether the link keeps up again and did not before.
    package mutating func confirm(_ end: Offset, highWatermark: Offset, at now: Instant) -> Bool {
        confirmed = max(confirmed, end)
        guard isDegraded else {
            unconfirmed.removeAll { $0.end <= confirmed }
            return false
        }
        if confirmed < highWatermark, let mark = unconfirmed.first, confirmed < mark.end { return false }
        // Where writing goes on, the target never has all of it: it keeps up when it has what was there a short while ago.
        let keepsUp = confirmed >= highWatermark || unconfirmed.first.map { now - $0.since <= limit / 2 } ?? false
        isDegraded = !keepsUp
        unconfirmed = confirmed < highWatermark ? [Mark(end: highWatermark, since: now)] : []
        return keepsUp
    }

    /// Time has passed.
    /// - Returns: whether the link has ceased to keep up.
    package mutating func tick(at now: Instant) -> Bool {
        guard deadline <= now else { return false }
        isDegraded = true
        unconfirmed = []
        return true
    }
}
