import Synchronization

/// Until when a process may write what it was given of a link. Whoever sends asks first: also a process that was stopped
/// in between finds out before it goes on.
final class WriteLease: Sendable {
    private enum Term {
        case unlimited
        case until(ContinuousClock.Instant)
        /// It has ended, and what was read under it is not to be sent under the next one.
        case ended
    }

    private let term = Mutex(Term.unlimited)

    /// Whether one may write now. Once it has ended only ``begin(until:)`` makes that so again.
    var isHeld: Bool {
        term.withLock { term in
            switch term {
            case .unlimited: return true
            case .ended: return false
            case .until(let end):
                if ContinuousClock.now < end { return true }
                term = .ended
                return false
            }
        }
    }

    /// Begins a new one; nil for one without end.
    func begin(until end: ContinuousClock.Instant?) { term.withLock { $0 = end.map(Term.until) ?? .unlimited } }

    /// Lets the one that runs, if there is one, end then; one that has an end already no earlier than that.
    func extend(to end: ContinuousClock.Instant) {
        term.withLock { term in
            switch term {
            case .unlimited: term = .until(end)
            case .until(let before): term = ContinuousClock.now < before ? .until(max(before, end)) : .ended
            case .ended: break
            }
        }
    }

    func end() { term.withLock { $0 = .ended } }
}
