import Synchronization

/// What of a connection's requests has been read and not answered. Beyond a bound the connection is not read further,
/// so that a client cannot make the broker hold more than that.
final class RequestBacklog: Sendable {
    /// As many in flight as any client of Kafka sends by itself.
    private static let countBound = 256
    /// Enough to keep a producer with the largest usual requests busy. One request may be longer by itself.
    private static let bytesBound = 4 << 20

    private struct Waiting {
        /// Of each request, in order; those before `first` are answered.
        var sizes: [Int] = []
        var first = 0
        var bytes = 0

        var isOverBound: Bool { sizes.count - first >= RequestBacklog.countBound || bytes >= RequestBacklog.bytesBound }
    }

    private let waiting = Mutex(Waiting())

    /// Counts a request that was read, by its size in bytes. Returns whether the connection is to be paused.
    func grow(by sizes: [Int]) -> Bool {
        waiting.withLock { waiting in
            let wasOverBound = waiting.isOverBound
            waiting.sizes += sizes
            waiting.bytes += sizes.reduce(0, +)
            return waiting.isOverBound && !wasOverBound
        }
    }

    /// Counts the oldest requests as answered. Returns whether a paused connection is to be read again.
    func shrink(by count: Int) -> Bool {
        waiting.withLock { waiting in
            let wasOverBound = waiting.isOverBound
            for size in waiting.sizes[waiting.first..<waiting.first + count] { waiting.bytes -= size }
            waiting.first += count
            if waiting.first == waiting.sizes.count || waiting.first > Self.countBound {
                waiting.sizes.removeFirst(waiting.first)
                waiting.first = 0
            }
            return wasOverBound && !waiting.isOverBound
        }
    }
}
