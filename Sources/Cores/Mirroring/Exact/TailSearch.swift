import ClusterModel

/// Finds out what the source holds in the place of the last batch of the target, and when that is something else, from
/// where on they differ.
package struct TailSearch: Sendable {
    /// What one side gave at an offset: the first batch that ends behind it, nil for none, and up to where its log is
    /// committed.
    package typealias Found = (batch: StandingBatch?, highWatermark: Offset)

    private let start: Offset
    private let common: Offset
    private let isSourceShorter: Bool
    private var divergence: DivergenceSearch?
    /// The answer; nil while there is a ``next`` place to compare.
    package private(set) var tail: ExactPartition.Tail?

    /// - Parameters:
    ///   - start: from where on both have what they have not deleted.
    ///   - sourceEnd: where the source's log ends, committed or not.
    ///   - targetEnd: where the target's log ends.
    package init(from start: Offset, sourceEnd: Offset, targetEnd: Offset) {
        self.start = start
        common = min(sourceEnd, targetEnd)
        isSourceShorter = sourceEnd < targetEnd
        // The source may have lost more than the target has kept.
        if start >= common { tail = isSourceShorter ? .different(from: common) : .unknown }
    }

    /// The offset at which to look at both sides next.
    package var next: Offset? {
        if tail != nil { return nil }
        guard let divergence else { return common - 1 }
        return divergence.next
    }

    /// - Parameters:
    ///   - target: what it has at ``next``.
    ///   - source: what it has there, or where the target's batch begins, if that is behind it; nil when the target has no
    ///     batch and the source was not asked.
    package mutating func compared(target: Found, source: Found?) {
        guard let offset = next else { preconditionFailure("compared although all is known: \(self)") }
        let (batch, isSame) = Self.compare(target.batch, source?.batch)
        if divergence == nil {
            guard (source ?? target).highWatermark > offset else {
                tail = .uncommitted
                return
            }
            if let batch, isSame == true {
                tail = isSourceShorter ? .different(from: common) : .same(batch.leaderEpoch)
                return
            }
            if isSame == nil, !isSourceShorter {
                tail = .unknown
                return
            }
            divergence = DivergenceSearch(in: start..<common)
        } else {
            // What is not shown cannot be compared.
            let isShown = source.map { $0.highWatermark > offset } ?? false
            divergence?.compared(at: offset, batch?.offsets, isSame: isShown ? isSame : nil)
        }
        if let divergence, divergence.next == nil { tail = .different(from: divergence.from) }
    }

    /// The batch of the target, with the leader epoch that the source gives it; nil for sameness when the source has
    /// nothing in its place.
    private static func compare(
        _ ours: StandingBatch?, _ theirs: StandingBatch?
    ) -> (batch: StandingBatch?, isSame: Bool?) {
        guard let ours, let theirs, theirs.offsets.overlaps(ours.offsets) else { return (ours, nil) }
        let isSame = theirs.digest == ours.digest
        return (isSame ? theirs : ours, isSame)
    }
}
