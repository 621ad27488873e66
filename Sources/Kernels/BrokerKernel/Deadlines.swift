import Seams

/// Keys by the time at which something is due for them, the earliest first: a binary heap.
///
/// What is due no more stays inside until its time comes: whoever takes a key looks whether anything is to be done.
struct Deadlines<Key> {
    private var heap: [(due: Instant, key: Key)] = []

    var next: Instant { heap.first?.due ?? .never }
    var first: Key? { heap.first?.key }
    var count: Int { heap.count }

    mutating func add(_ key: Key, due: Instant) {
        heap.append((due, key))
        var place = heap.count - 1
        while place > 0, heap[place].due < heap[(place - 1) / 2].due {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    /// Takes a key that is due; nil when none is.
    mutating func take(at now: Instant) -> Key? {
        guard let first = heap.first, first.due <= now else { return nil }
        removeFirst()
        return first.key
    }

    /// Takes the first key off, due or not; there must be one.
    mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        sink(from: 0)
    }

    /// Drops keys that nothing is to be done for.
    mutating func keep(where isWanted: (Key) -> Bool) {
        heap.removeAll { !isWanted($0.key) }
        for place in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(from: place) }
    }

    private mutating func sink(from start: Int) {
        var place = start
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < heap.count && heap[child].due < heap[least].due { least = child }
            guard least != place else { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}

extension Deadlines: Sendable where Key: Sendable {}
