import Seams

/// What happens when: actions by time, those of one time in the order in which they were added.
struct Timeline {
    private var heap: [(time: Instant, number: UInt64, action: () -> Void)] = []
    private var count: UInt64 = 0

    mutating func add(_ action: @escaping () -> Void, at time: Instant) {
        count += 1
        heap.append((time, count, action))
        var place = heap.count - 1
        while place > 0, isBefore(place, (place - 1) / 2) {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    /// Takes the next action; nil when there is none up to `end`.
    mutating func take(upTo end: Instant) -> (Instant, () -> Void)? {
        guard let first = heap.first, first.time <= end else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            guard least != place else { return (first.time, first.action) }
            heap.swapAt(place, least)
            place = least
        }
    }

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (heap[left].time, heap[left].number) < (heap[right].time, heap[right].number)
    }
}
