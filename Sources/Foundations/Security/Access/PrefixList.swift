/// The names of prefixed patterns of one type, so that those by which a name begins are found among many.
struct PrefixList: Sendable {
    /// In the order of their bytes, each once.
    private var names: [String] = []

    mutating func insert(_ name: String) { names.insert(name, at: count(upTo: name.utf8.count, of: name)) }

    mutating func remove(_ name: String) {
        let place = count(upTo: name.utf8.count, of: name) - 1
        guard place >= 0, names[place].isExactly(name) else { return }
        names.remove(at: place)
    }

    /// Calls `body` with each that `name` begins with, byte for byte, longest first.
    func forEachPrefix(of name: String, _ body: (String) -> Void) {
        var length = name.utf8.count
        // Of those that are not behind the first `length` bytes, the last one: it is a prefix, or what it has in common with
        // them is all that a prefix can still be long.
        while length > 0 {
            let place = count(upTo: length, of: name) - 1
            guard place >= 0 else { return }
            let candidate = names[place]
            let common = Self.commonLength(candidate, name, atMost: length)
            if common == candidate.utf8.count {
                body(candidate)
                length = common - 1
            } else {
                length = common
            }
        }
    }

    /// How many are not behind the first `length` bytes of `name`.
    private func count(upTo length: Int, of name: String) -> Int {
        let wanted = name.utf8.prefix(length)
        var (low, high) = (0, names.count)
        while low < high {
            let middle = (low + high) / 2
            if wanted.lexicographicallyPrecedes(names[middle].utf8) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private static func commonLength(_ left: String, _ right: String, atMost limit: Int) -> Int {
        var length = 0
        var (one, other) = (left.utf8.makeIterator(), right.utf8.makeIterator())
        while length < limit, let a = one.next(), let b = other.next(), a == b { length += 1 }
        return length
    }
}
