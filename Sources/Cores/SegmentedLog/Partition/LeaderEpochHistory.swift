import ClusterModel

/// Which leader epoch began at which offset (KIP-101), oldest first; both rise strictly.
package struct LeaderEpochHistory: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var epoch: LeaderEpoch
        package var startOffset: Offset

        package init(epoch: LeaderEpoch, startOffset: Offset) {
            self.epoch = epoch
            self.startOffset = startOffset
        }
    }

    package private(set) var entries: [Entry]

    package init(_ entries: [Entry] = []) { self.entries = entries }

    package var latest: LeaderEpoch? { entries.last?.epoch }

    /// Notes that a batch of `epoch` stands at `startOffset`. What contradicts it is forgotten: the batch is there.
    /// - Returns: whether that was news.
    package mutating func note(_ epoch: LeaderEpoch, startingAt startOffset: Offset) -> Bool {
        guard epoch >= 0 else { return false }
        if let last = entries.last, last.epoch == epoch, last.startOffset <= startOffset { return false }
        entries.removeAll { $0.epoch >= epoch || $0.startOffset >= startOffset }
        entries.append(Entry(epoch: epoch, startOffset: startOffset))
        return true
    }

    /// Where the records of `epoch`, or of the largest one below it, end (KIP-101, KIP-320).
    package func end(of epoch: LeaderEpoch, logEndOffset: Offset) -> EpochEnd {
        guard epoch >= 0, let latest, epoch <= latest else { return .unknown }
        if epoch == latest { return EpochEnd(epoch: epoch, endOffset: logEndOffset) }
        guard let higher = entries.first(where: { $0.epoch > epoch }) else { return .unknown }
        let floor = entries.last { $0.epoch <= epoch }
        return EpochEnd(epoch: floor?.epoch ?? epoch, endOffset: higher.startOffset)
    }

    /// The epoch of the record at `offset`; -1 when it is not known.
    package func epoch(at offset: Offset) -> LeaderEpoch {
        entries.last { $0.startOffset <= offset }?.epoch ?? -1
    }

    /// Forgets what begins at `offset` or after it.
    package mutating func truncate(to offset: Offset) {
        entries.removeAll { $0.startOffset >= offset }
    }

    /// Forgets what ended before `offset`; the epoch that stands there begins there.
    package mutating func truncate(before offset: Offset) {
        guard let place = entries.lastIndex(where: { $0.startOffset <= offset }) else { return }
        entries.removeFirst(place)
        entries[0].startOffset = offset
    }
}
