/// When something that failed is tried again: after pauses that double, from ``Attempts/firstPause`` on.
struct Backoff: Sendable {
    /// Rests until then.
    private(set) var retryAt: ContinuousClock.Instant?
    private var pause = Attempts.firstPause

    func isDue(_ now: ContinuousClock.Instant) -> Bool { retryAt.map { $0 <= now } ?? true }

    mutating func failed(_ now: ContinuousClock.Instant) {
        retryAt = now + pause
        pause = min(pause * 2, Attempts.longestPause)
    }

    /// The next attempt may come at once.
    mutating func retryNow() { retryAt = nil }

    /// All is well: the next failure begins with the shortest pause.
    mutating func succeeded() { self = Backoff() }
}
