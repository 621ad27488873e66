import Seams

/// A leader's right to take records while a link vouches that the home has not moved.
///
/// The link shows the leader a moment of the leader's own clock, after which the link's target has said so, and for how
/// long that holds. A tenth of it is kept back for clocks that go differently. Who begins to lead has no lease.
package struct HeldLease: Sendable {
    /// `source->target`
    package let link: String
    /// When the lease ends that was granted last; nil before one was.
    package private(set) var end: Instant?
    /// Whether clients were refused because it has run out, and nobody was told since that it is renewed.
    package var isMissed = false

    package init(_ link: String) { self.link = link }

    /// The target has said after `moment` that the home is here, which holds for `limit` from then.
    package mutating func renew(since moment: Instant, for limit: Duration) {
        let granted = moment + limit * 9 / 10
        end = end.map { max($0, granted) } ?? granted
    }

    package func isHeld(at now: Instant) -> Bool { end.map { now < $0 } ?? false }

    /// How long clients may write yet; zero when it is not held.
    package func remaining(at now: Instant) -> Duration { end.map { max(.zero, $0 - now) } ?? .zero }
}
