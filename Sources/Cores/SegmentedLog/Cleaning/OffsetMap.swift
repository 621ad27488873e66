import ClusterModel

/// The last offset of each key in the part of a log that is to be compacted: 24 bytes a key, whatever its length.
///
/// Invariant: at least one slot is free, so that every search ends.
final class OffsetMap {
    private struct Slot {
        var hash: KeyHash
        /// -1 when the slot is free.
        var offset: Offset
    }

    /// Fuller maps make long searches (`log.cleaner.io.buffer.load.factor`).
    private let limit: Int
    private let slots: UnsafeMutableBufferPointer<Slot>
    private let secret: KeyHash.Secret
    private(set) var count = 0
    /// All before this was put into the map.
    var endOffset: Offset

    /// - Parameters:
    ///   - budgetInBytes: of memory (`log.cleaner.dedupe.buffer.size`).
    ///   - mostKeys: that there can be.
    init(
        budgetInBytes: Int, loadFactor: Double, mostKeys: Int, startingAt start: Offset, secret: KeyHash.Secret
    ) {
        let most = max(2, budgetInBytes / MemoryLayout<Slot>.stride)
        let wanted = Int(min(Double(most), Double(mostKeys) / loadFactor + 2))
        slots = .allocate(capacity: wanted)
        slots.initialize(
            repeating: Slot(hash: KeyHash(UnsafeRawBufferPointer(start: nil, count: 0), secret), offset: -1))
        limit = min(wanted - 1, max(1, Int(Double(wanted) * loadFactor)))
        self.secret = secret
        endOffset = start
    }

    deinit { slots.deallocate() }

    /// Notes that the record at `offset` has this key; of one key the last call counts.
    /// - Returns: false when there is no room for another key.
    func put(_ key: UnsafeRawBufferPointer, at offset: Offset) -> Bool {
        let hash = KeyHash(key, secret)
        let place = place(of: hash)
        if slots[place].offset < 0 {
            guard count < limit else { return false }
            count += 1
            slots[place].hash = hash
        }
        slots[place].offset = offset
        return true
    }

    /// nil when the key was not put.
    func offset(of key: UnsafeRawBufferPointer) -> Offset? {
        let offset = slots[place(of: KeyHash(key, secret))].offset
        return offset < 0 ? nil : offset
    }

    /// Where the hash stands or belongs.
    private func place(of hash: KeyHash) -> Int {
        var place = Int(hash.high.multipliedFullWidth(by: UInt64(slots.count)).high)
        while slots[place].offset >= 0 && slots[place].hash != hash {
            place += 1
            if place == slots.count { place = 0 }
        }
        return place
    }
}
