import ClusterModel
import Controller
import Mirroring
import Testing

@Suite struct TopicReturnTests {
    private func partition(
        _ state: MirrorStanding.State, _ offsets: Range<Offset>, committed: Offset? = nil, homeEpoch: Int32 = 1,
        isSettled: Bool = true
    ) -> PartitionStanding {
        PartitionStanding(
            state: state, link: "a->b", homeEpoch: homeEpoch, logStart: offsets.lowerBound,
            lastStableOffset: committed ?? offsets.upperBound, highWatermark: committed ?? offsets.upperBound,
            end: offsets.upperBound, isSettled: isSettled, hasOpenTransactions: false)
    }

    @Test func leadersHaveToKnowWhereTheHomeIs() {
        let (own, home) = (partition(.fenced, 0..<9), partition(.ordinary, 0..<12))
        #expect(TopicReturn.obstacle(own: own, home: home) == nil)
        #expect(TopicReturn.obstacle(own: partition(.ordinary, 0..<9), home: home) != nil)
        #expect(TopicReturn.obstacle(own: partition(.fenced, 0..<9, isSettled: false), home: home) != nil)
        #expect(TopicReturn.obstacle(own: own, home: partition(.promoting, 0..<12)) != nil)
        #expect(TopicReturn.obstacle(own: own, home: partition(.ordinary, 0..<12, homeEpoch: 0)) != nil)
        // It is being written.
        #expect(TopicReturn.obstacle(own: own, home: partition(.ordinary, 0..<12, committed: 10)) == nil)
    }

    @Test func whatBothHaveIsCompared() {
        func range(_ own: Range<Offset>, _ home: Range<Offset>) -> (next: Range<Offset>?, from: Offset) {
            let search = TopicReturn.search(own: partition(.fenced, own), home: partition(.ordinary, home))
            return (search.next, search.from)
        }
        #expect(range(0..<9, 4..<12).next == 4..<9)
        #expect(range(3..<9, 0..<5).next == 3..<5)
        // Nothing in common: all that the old home has goes, or nothing.
        #expect(range(5..<9, 0..<5) == (nil, 5))
        #expect(range(7..<9, 0..<5) == (nil, 7))
        #expect(range(0..<9, 20..<30) == (nil, 9))
    }

    /// Batches of three offsets each, of which those from `split` on differ.
    @Test func findsWhereTheFirstBatchBeginsThatDiffers() {
        for split in 0...20 {
            var search = DigestSearch(in: 0..<60)
            var asked = 0
            while let range = search.next {
                asked += 1
                search.compared(isSame: !(split..<20).contains { range.contains(Offset($0 * 3)) })
            }
            #expect(search.from == Offset(split * 3))
            #expect(asked < 9)
        }
    }
}
