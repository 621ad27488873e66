import ClusterModel

/// Those who may speak only when all before an offset is committed, in the order of their offsets.
///
/// Appends come in rising order, so that a waiter nearly always joins at the end.
package struct CommitGate<Waiter> {
    private var waiters: [(offset: Offset, waiter: Waiter)] = []
    /// How many at the front have been let go.
    private var passed = 0

    package init() {}

    package var isEmpty: Bool { passed == waiters.count }

    /// Waits until the high watermark is at `offset`.
    package mutating func wait(_ waiter: Waiter, for offset: Offset) {
        var place = waiters.count
        while place > passed, waiters[place - 1].offset > offset { place -= 1 }
        waiters.insert((offset, waiter), at: place)
    }

    /// Takes the next one that a high watermark lets go; nil when there is none.
    package mutating func next(upTo highWatermark: Offset) -> Waiter? {
        guard passed < waiters.count, waiters[passed].offset <= highWatermark else {
            compact()
            return nil
        }
        passed += 1
        return waiters[passed - 1].waiter
    }

    /// Takes all, in order: the leader was deposed, and nobody here will know.
    package mutating func abandon() -> [Waiter] {
        let rest = waiters[passed...].map(\.waiter)
        waiters = []
        passed = 0
        return rest
    }

    private mutating func compact() {
        guard passed > 0 else { return }
        waiters.removeFirst(passed)
        passed = 0
    }
}

extension CommitGate: Sendable where Waiter: Sendable {}
