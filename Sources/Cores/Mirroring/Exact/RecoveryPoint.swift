import ClusterModel

/// Up to which moment a mirror has all that its source had committed: what would be lost with the source is at most what
/// was written since.
package struct RecoveryPoint: Sendable {
    /// nil before there is one for the first time.
    package private(set) var moment: ContinuousClock.Instant?
    /// Where the source ended at a later moment; the mirror has not come there yet.
    private var next: (end: Offset, moment: ContinuousClock.Instant)?

    package init() {}

    /// What the source has committed ends there.
    package mutating func source(endsAt end: Offset, _ now: ContinuousClock.Instant) {
        if next == nil { next = (end, now) }
    }

    /// The mirror has acknowledged all before `end`.
    package mutating func mirror(endsAt end: Offset) {
        guard let next, end >= next.end else { return }
        moment = next.moment
        self.next = nil
    }
}
