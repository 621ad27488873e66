import Quorum

/// The committed state of a member, as far as an oracle has to know it: which beginning of all changes it is made of.
struct PrefixState: Equatable {
    var zxid: Int64
    /// How many changes have been committed up to it.
    var count: Int
    var membership: Membership
}

/// A member's disk as a model: what the process sees, what a power cut leaves, and the changes between.
///
/// The log lies in one file and is only appended to: a truncation is on disk as soon as something is appended after
/// it, and before that a restart may bring back what was truncated.
struct MemberDisk {
    enum Change {
        case append([QuorumEntry])
        case truncate(after: Int64)
    }

    struct Contents {
        var base: PrefixState
        /// Ascending, above the base.
        var entries: [QuorumEntry] = []
        /// What the last truncation took away, until something is appended.
        var voided: [QuorumEntry] = []

        var last: Int64 { entries.last?.zxid ?? base.zxid }

        var membership: Membership { entries.last { $0.membership != nil }?.membership ?? base.membership }

        /// How many entries are not above `zxid`.
        func count(upTo zxid: Int64) -> Int {
            var (low, high) = (0, entries.count)
            while low < high {
                let middle = (low + high) / 2
                if entries[middle].zxid > zxid { high = middle } else { low = middle + 1 }
            }
            return low
        }

        func contains(_ zxid: Int64) -> Bool {
            if zxid == base.zxid { return true }
            let count = count(upTo: zxid)
            return count > 0 && entries[count - 1].zxid == zxid
        }

        fileprivate mutating func make(_ change: Change) {
            switch change {
            case .append(let new):
                entries.append(contentsOf: new)
                if !new.isEmpty { voided = [] }
            case .truncate(let zxid):
                let kept = count(upTo: zxid)
                if voided.isEmpty { voided = Array(entries[kept...]) } else { voided = entries[kept...] + voided }
                entries.removeSubrange(kept...)
            }
        }
    }

    private(set) var promise: QuorumPromise
    /// As the process sees it.
    private(set) var live: Contents
    private var durable: Contents
    private(set) var unsynced: [Change] = []

    init(_ membership: Membership, _ promise: QuorumPromise = QuorumPromise()) {
        live = Contents(base: PrefixState(zxid: 0, count: 0, membership: membership))
        durable = live
        self.promise = promise
    }

    mutating func make(_ change: Change) {
        live.make(change)
        unsynced.append(change)
    }

    /// Durable at once.
    mutating func write(_ promise: QuorumPromise) { self.promise = promise }

    /// What a sync that began when there were so many changes has made durable.
    mutating func synchronize(_ count: Int) {
        for change in unsynced[..<count] { durable.make(change) }
        unsynced.removeFirst(count)
    }

    /// Puts the state in place of the log up to it, when all of that is durable.
    mutating func compact(_ state: PrefixState) {
        precondition(unsynced.isEmpty && live.contains(state.zxid), "compacting at \(state.zxid), log \(live)")
        live.entries.removeFirst(live.count(upTo: state.zxid))
        live.base = state
        live.voided = []
        durable = live
    }

    /// Puts another's state in place of everything.
    mutating func replace(by state: PrefixState) {
        live = Contents(base: state)
        durable = live
        unsynced = []
    }

    /// Loses what had been durable, as a disk does that only says so.
    mutating func loseTail() {
        live.entries.removeLast(min(2, live.entries.count))
        durable = live
    }

    /// The process has ended. With the power, a part of what was not synced is lost as well.
    mutating func end(losesPower: Bool, _ random: inout SeededRandom) {
        if losesPower {
            let kept = random.within(0...unsynced.count)
            for change in unsynced[..<kept] { durable.make(change) }
            if kept < unsynced.count, case .append(let torn) = unsynced[kept] {
                durable.make(.append(Array(torn.prefix(random.within(0...torn.count)))))
            }
        } else {
            for change in unsynced { durable.make(change) }
        }
        if !durable.voided.isEmpty, random.happens(1, in: 2) { durable.entries += durable.voided }
        durable.voided = []
        unsynced = []
        live = durable
    }
}
