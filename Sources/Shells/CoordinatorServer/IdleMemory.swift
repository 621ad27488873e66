import Platform
import Seams

/// Gives memory back that a snapshot or the start has left behind: as much as the tree itself, for what changes while a
/// snapshot holds it is copied. That holds everybody up, so it waits until nobody asks for anything.
struct IdleMemory {
    private static let idleTime = Duration.milliseconds(500)

    private let giveBack: @Sendable () -> Void
    private var lastRequest: Instant
    private var isDue = true

    init(at now: Instant, giveBack: @escaping @Sendable () -> Void = FreeMemory.giveBack) {
        self.giveBack = giveBack
        lastRequest = now
    }

    mutating func snapshotWritten() { isDue = true }

    /// To be called after each turn, at least every so often.
    mutating func turned(requestCount: Int, at now: Instant) {
        if requestCount > 0 { lastRequest = now }
        guard isDue, now - lastRequest >= Self.idleTime else { return }
        isDue = false
        giveBack()
    }
}
