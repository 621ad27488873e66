import ClusterModel
import Controller
import Mirroring
import Testing

@Suite struct TopicPromotionTests {
    private func partition(
        _ state: MirrorStanding.State, at end: Offset = 10, homeEpoch: Int32 = 3, hasOpen: Bool = false,
        link: String = "a->b", committed: Offset? = nil, isSettled: Bool = true
    ) -> PartitionStanding {
        PartitionStanding(
            state: state, link: link, homeEpoch: homeEpoch, logStart: 0, lastStableOffset: committed ?? end,
            highWatermark: committed ?? end, end: end, isSettled: isSettled, hasOpenTransactions: hasOpen)
    }

    private func next(_ partitions: [Int32: PartitionStanding], count: Int32 = 2) -> TopicPromotion.Step {
        TopicPromotion.next(partitions, count: count, link: "a->b")
    }

    @Test func stepByStep() {
        #expect(next([0: partition(.mirroring), 1: partition(.mirroring)]) == .begin(homeEpoch: 3))
        #expect(next([0: partition(.promoting), 1: partition(.mirroring)]) == .wait(for: [1]))
        #expect(next([0: partition(.promoting), 1: partition(.promoting, hasOpen: true)]) == .abort([1]))
        #expect(
            next([0: partition(.promoting), 1: partition(.promoting, at: 7)])
                == .promote(homeEpoch: 3, cuts: [0: 10, 1: 7]))
        #expect(next([0: partition(.ordinary, homeEpoch: 4), 1: partition(.promoting)]) == .wait(for: [1]))
        #expect(
            next([0: partition(.ordinary, homeEpoch: 4), 1: partition(.ordinary, homeEpoch: 4)]) == .done(homeEpoch: 4))
    }

    @Test func aNewLeaderIsWaitedForUntilItKnowsWhatIsCommitted() {
        let uncertain = partition(.promoting, at: 10, committed: 7)
        #expect(next([0: partition(.promoting), 1: uncertain]) == .wait(for: [1]))
        #expect(!TopicPromotion.isComplete(source: partition(.fenced), target: uncertain))
        #expect(!TopicPromotion.isComplete(source: partition(.ordinary), target: partition(.mirroring)))
        #expect(!TopicPromotion.isComplete(source: partition(.fenced, at: 11), target: partition(.mirroring)))
        #expect(!TopicPromotion.isComplete(source: partition(.fenced, isSettled: false), target: partition(.mirroring)))
        #expect(TopicPromotion.isComplete(source: partition(.fenced), target: partition(.mirroring)))
    }

    @Test func leadersThatAreAwayAreWaitedFor() {
        #expect(next([1: partition(.mirroring)], count: 3) == .wait(for: [0, 2]))
    }

    @Test func whatWasFencedIsReclaimed() {
        func next(_ partitions: [Int32: PartitionStanding]) -> TopicPromotion.Step {
            TopicPromotion.next(partitions, count: 2, link: "a->b", reclaims: true)
        }
        #expect(next([0: partition(.fenced), 1: partition(.fenced)]) == .reclaim(homeEpoch: 3))
        // Its leader has not heard yet that it was fenced.
        let late = partition(.ordinary, homeEpoch: 0, link: "")
        #expect(next([0: partition(.fenced), 1: late]) == .wait(for: [1]))
        #expect(next([0: partition(.promoting), 1: partition(.fenced)]) == .wait(for: [1]))
        #expect(next([0: partition(.promoting, hasOpen: true), 1: partition(.promoting)]) == .abort([0]))
        #expect(
            next([0: partition(.promoting), 1: partition(.promoting, at: 7)])
                == .promote(homeEpoch: 3, cuts: [0: 10, 1: 7]))
        let home = partition(.ordinary, homeEpoch: 4)
        #expect(next([0: home, 1: partition(.promoting)]) == .wait(for: [1]))
        #expect(next([0: home, 1: home]) == .done(homeEpoch: 4))
        #expect(next([0: home]) == .wait(for: [1]))
    }

    @Test func whatIsNotOfTheLinkIsRefused() {
        #expect(
            next([0: partition(.mirroring, link: "c->b")], count: 1)
                == .refuse("it is mirroring by link c->b (home epoch 3)"))
        #expect(next([0: partition(.fenced)], count: 1) == .refuse("it is fenced by link a->b (home epoch 3)"))
        #expect(
            next([0: partition(.ordinary, homeEpoch: 0, link: "")], count: 1)
                == .refuse("it is ordinary (home epoch 0)"))
    }
}
