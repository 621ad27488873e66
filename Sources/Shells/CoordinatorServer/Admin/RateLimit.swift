import Seams
import Synchronization

/// Lets something happen once in an interval.
final class RateLimit: Sendable {
    private let interval: Duration
    private let last = Mutex<Instant?>(nil)

    /// - Parameter interval: zero for no limit.
    init(interval: Duration) { self.interval = interval }

    func allows(at now: Instant) -> Bool {
        last.withLock { last in
            if let last, now - last < interval { return false }
            last = now
            return true
        }
    }
}
