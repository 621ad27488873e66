/// What is to happen, in the order of virtual time; of one moment in the order in which it was planned.
struct Agenda<Item> {
    private struct Key {
        var time: Int64
        var number: UInt64
        var place: Int

        func isBefore(_ other: Key) -> Bool {
            time == other.time ? number < other.number : time < other.time
        }
    }

    /// A heap: small, so that moving is cheap; the items stay at their places.
    private var keys: [Key] = []
    private var items: [Item?] = []
    private var free: [Int] = []
    private var planned: UInt64 = 0

    /// - Parameter time: in nanoseconds.
    mutating func plan(_ item: Item, at time: Int64) {
        planned += 1
        let place: Int
        if let last = free.popLast() {
            place = last
            items[place] = item
        } else {
            place = items.count
            items.append(item)
        }
        keys.append(Key(time: time, number: planned, place: place))
        rise(keys.count - 1)
    }

    mutating func next() -> (time: Int64, item: Item)? {
        guard let first = keys.first, let item = items[first.place] else { return nil }
        items[first.place] = nil
        free.append(first.place)
        let last = keys.removeLast()
        if !keys.isEmpty {
            keys[0] = last
            sink()
        }
        return (first.time, item)
    }

    private mutating func rise(_ start: Int) {
        var index = start
        let key = keys[index]
        while index > 0 {
            let parent = (index - 1) / 2
            guard key.isBefore(keys[parent]) else { break }
            keys[index] = keys[parent]
            index = parent
        }
        keys[index] = key
    }

    private mutating func sink() {
        var index = 0
        let key = keys[index]
        while true {
            var child = index * 2 + 1
            guard child < keys.count else { break }
            if child + 1 < keys.count, keys[child + 1].isBefore(keys[child]) { child += 1 }
            guard keys[child].isBefore(key) else { break }
            keys[index] = keys[child]
            index = child
        }
        keys[index] = key
    }
}
