import ClusterModel
import Mirroring
import Records
import Testing

@Suite struct TailSearchTests {
    /// Of three offsets each.
    private func batch(_ index: Int, _ content: UInt128 = 0, epoch: LeaderEpoch = 0) -> StandingBatch {
        StandingBatch(
            offsets: Offset(index * 3)..<Offset(index * 3 + 3), leaderEpoch: epoch,
            digest: RangeDigest(batches: 1, records: 3, bytes: 100, sum: content))
    }

    private func tail(
        source: [StandingBatch], committed: Offset? = nil, target: [StandingBatch], from start: Offset = 0
    ) -> ExactPartition.Tail? {
        let (sourceEnd, targetEnd) = (source.last?.offsets.upperBound ?? 0, target.last?.offsets.upperBound ?? 0)
        var search = TailSearch(from: start, sourceEnd: sourceEnd, targetEnd: targetEnd)
        while let offset = search.next {
            let ours = target.first { $0.offsets.upperBound > offset }
            let end = committed ?? sourceEnd
            let theirs: TailSearch.Found? = ours.map { ours in
                (source.first { $0.offsets.upperBound > max(offset, ours.offsets.lowerBound) && offset < end }, end)
            }
            search.compared(target: (ours, targetEnd), source: theirs)
        }
        return search.tail
    }

    @Test func theSameLastBatchIsEnough() {
        let target = (0..<4).map { batch($0, UInt128($0)) }
        let source = (0..<6).map { batch($0, UInt128($0), epoch: 5) }
        #expect(tail(source: source, target: target) == .same(5))
        #expect(tail(source: source, committed: 11, target: target) == .uncommitted)
        #expect(tail(source: Array(source[..<2]), target: target) == .different(from: 6))
        #expect(tail(source: [], target: target) == .different(from: 0))
    }

    @Test func whereTheyDifferIsFound() {
        let target = (0..<9).map { batch($0, UInt128($0)) }
        for split in 0..<9 {
            let source = (0..<12).map { batch($0, $0 < split ? UInt128($0) : 99) }
            #expect(tail(source: source, target: target) == .different(from: Offset(split * 3)))
        }
    }

    @Test func aSourceThatLostMoreThanTheTargetHasKept() {
        let target = (4..<6).map { batch($0) }
        #expect(tail(source: [batch(0)], target: target, from: 12) == .different(from: 3))
    }
}
