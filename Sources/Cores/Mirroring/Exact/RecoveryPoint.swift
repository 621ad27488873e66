import ClusterModel

/// Up to which moment a mirror has all that its source had committed: what would be lost with the source is at most what
/// was written since.
package struct RecoveryPoint: Sendable {
    /// A source with nothing new answers oftener than this.
    private static let longestSilence = Duration.seconds(5)

    /// nil before there is one for the first time.
    package private(set) var moment: ContinuousClock.Instant?
    /// Where the source ended at a later moment; the mirror has not come there yet.
    private var next: (end: Offset, moment: ContinuousClock.Instant)?

    package init() {}

    /// What the source has committed ends there.
    package mutating func source(endsAt end: Offset, _ now: ContinuousClock.Instant) {
        if next == nil { next = (end, now) }
    }

    /// What the source was last seen to end with may be gone: it is asked anew.
    package mutating func interrupted() { next = nil }

    /// How old that moment is for people: what is in step, and was seen to be so a moment ago, is not behind at all. A
    /// source that is not heard of any more may have gone on, and nobody knows how far.
    /// - Parameter lag: how much the target lacks of what the source was last known to have; nil when that is not known.
    package func age(lag: Offset?, at now: ContinuousClock.Instant) -> Duration? {
        guard let moment else { return nil }
        let age = now - moment
        return lag == 0 && age < Self.longestSilence ? .zero : age
    }

    /// The mirror has acknowledged all before `end`.
    package mutating func mirror(endsAt end: Offset) {
        guard let next, end >= next.end else { return }
        moment = next.moment
        self.next = nil
    }
}
