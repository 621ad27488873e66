/// The names in a simulated directory: as the process sees them, and as a crash may leave them.
struct SimulatedDirectory {
    /// Names that change together, to the inodes they stand for afterwards; nil for none.
    typealias Change = [(name: String, inode: Int?)]

    private(set) var live: [String: Int] = [:]
    private var durable: [String: Int] = [:]
    private var unsynced: [Change] = []

    mutating func make(_ change: Change) {
        Self.apply(change, to: &live)
        unsynced.append(change)
    }

    mutating func synchronize() {
        durable = live
        unsynced.removeAll()
    }

    /// Keeps some of the unsynced changes: those up to one of them, for file systems keep a journal.
    mutating func crash(_ random: inout SeededRandom) {
        let kept = Int.random(in: 0...unsynced.count, using: &random)
        for change in unsynced[..<kept] { Self.apply(change, to: &durable) }
        unsynced.removeAll()
        live = durable
    }

    private static func apply(_ change: Change, to names: inout [String: Int]) {
        for (name, inode) in change { names[name] = inode }
    }
}
