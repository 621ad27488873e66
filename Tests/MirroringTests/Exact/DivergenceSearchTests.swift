import ClusterModel
import Mirroring
import Testing

@Suite struct DivergenceSearchTests {
    /// Batches of three offsets with a hole behind every fourth; from `split` on they differ.
    private func search(batches count: Int, split: Int, compacted: Set<Int> = []) -> (from: Offset, asked: Int) {
        var ranges: [Range<Offset>] = []
        for index in 0..<count {
            let start = Offset(index * 3 + index / 4 * 5)
            ranges.append(start..<start + 3)
        }
        let end = ranges.last?.upperBound ?? 0
        var search = DivergenceSearch(in: 0..<end)
        var asked = 0
        while let offset = search.next {
            asked += 1
            let index = ranges.firstIndex { $0.upperBound > offset }
            let isSame = index.flatMap { compacted.contains($0) ? nil : $0 < split }
            search.compared(at: offset, index.map { ranges[$0] }, isSame: isSame)
        }
        #expect(search.from == (split < count ? ranges[split].lowerBound : end) || !compacted.isEmpty)
        return (search.from, asked)
    }

    @Test func findsEverySplit() {
        for split in 0...40 { #expect(search(batches: 40, split: split).asked < 20) }
    }

    @Test func nothingToCompareIsNoEndlessSearch() {
        #expect(search(batches: 1, split: 0).from == 0)
        #expect(search(batches: 20, split: 10, compacted: Set(0..<20)).from > 0)
        #expect(DivergenceSearch(in: 5..<5).next == nil)
    }
}
