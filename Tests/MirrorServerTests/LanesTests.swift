import ClusterModel
import Testing

@testable import MirrorServer

@Suite struct LanesTests {
    @Test func theOthersJoinWhenTheBrokerIsFarAway() async {
        let lanes = Lanes()
        #expect(lanes.count == Lanes.few)
        lanes.began(0, roundTrip: .milliseconds(2))
        #expect(lanes.count == Lanes.few)
        let near = lanes.bytesOfFetch
        await lanes.join(Lanes.few - 1)
        let joined = Task { await lanes.join(Lanes.most - 1) }
        lanes.began(0, roundTrip: .milliseconds(100))
        // One that began while the others filled the way.
        lanes.began(1, roundTrip: .milliseconds(300))
        #expect(lanes.count == Lanes.most)
        await joined.value
        let short = lanes.bytesOfFetch
        let begin = ContinuousClock.now
        for second in 1...9 {
            let now = begin + .seconds(second)
            lanes.took(250_000_000, since: now - .milliseconds(150), most: short, at: now)
        }
        #expect(lanes.bytesOfFetch > short && lanes.bytesOfFetch > near)
        lanes.began(0, roundTrip: .milliseconds(2))
        #expect(lanes.count == Lanes.few && lanes.bytesOfFetch == near)
    }

    @Test func whoIsNotNeededEndsWhenItsTaskDoes() async {
        let lanes = Lanes()
        let waiting = Task { await lanes.join(Lanes.most - 1) }
        waiting.cancel()
        await waiting.value
        #expect(lanes.count == Lanes.few)
    }

    private func partition(_ index: Int32) -> TopicPartition { TopicPartition(topic: "t", partition: index) }

    @Test func eachTakesAllThatIsIdleAndItsShareOfTheRest() {
        var share = LaneShare()
        share.idle = [partition(9), partition(8)]
        share.behind = (0..<6).map { (waiting: 6 - $0, partition: partition(Int32($0))) }
        var asked: [TopicPartition] = []
        share.ask(lanes: 4) { partition, places in
            #expect(places == 1)
            asked.append(partition)
            // One of those behind is being read already.
            return partition.partition != 5
        }
        // Those that have waited longest first.
        #expect(asked == [8, 9, 5, 4, 3].map(partition))
    }

    @Test func oneThatIsBehindAloneIsReadInAsManyPlaces() {
        var share = LaneShare()
        share.behind = [(1, partition(0))]
        var places = 0
        share.ask(lanes: 8) { _, most in
            places = most
            return true
        }
        #expect(places == 8)
    }
}
