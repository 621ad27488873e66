import Mirroring
import Testing

@Suite struct BandwidthTests {
    private let start = ContinuousClock.now

    @Test func withoutLimitsNothingWaits() {
        var bandwidth = Bandwidth(Bandwidth.Limits())
        bandwidth.count(.max / 2, of: "a", at: start)
        #expect(bandwidth.isOpen("a", at: start))
        #expect(bandwidth.portion == nil && bandwidth.portionOfPartition == nil)
    }

    @Test func whatCameTooSoonIsWaitedOff() {
        var bandwidth = Bandwidth(Bandwidth.Limits(link: 1_000_000))
        #expect(bandwidth.isOpen("a", at: start))
        bandwidth.count(2_250_000, of: "a", at: start)
        bandwidth.count(750_000, of: "b", at: start)
        #expect(!bandwidth.isOpen("a", at: start + .milliseconds(2_999)))
        #expect(!bandwidth.isOpen("c", at: start + .milliseconds(2_999)), "the link's limit is for all")
        #expect(bandwidth.isOpen("c", at: start + .milliseconds(3_001)))
    }

    @Test func timeUnusedIsMadeUpForALittle() {
        var bandwidth = Bandwidth(Bandwidth.Limits(link: 1_000_000))
        bandwidth.count(1, of: "a", at: start)
        let later = start + .seconds(3600)
        bandwidth.count(1_250_000, of: "a", at: later)
        #expect(!bandwidth.isOpen("a", at: later + .milliseconds(999)))
        #expect(bandwidth.isOpen("a", at: later + .milliseconds(1_001)))
    }

    @Test func aBusyTopicLeavesRoomForOthers() {
        var bandwidth = Bandwidth(Bandwidth.Limits(topic: 500_000))
        bandwidth.count(1_000_000, of: "busy", at: start)
        #expect(!bandwidth.isOpen("busy", at: start + .milliseconds(1_900)))
        #expect(bandwidth.isOpen("other", at: start))
        bandwidth.keep(["busy"])
        #expect(!bandwidth.isOpen("busy", at: start + .milliseconds(1_900)))
        bandwidth.keep([])
        #expect(bandwidth.isOpen("busy", at: start), "one of that name that is there later owes nothing")
    }

    @Test func whoReadsAPortionAtATimeReadsAtTheLimit() {
        for limit in [Int64(100_000), 3_000_000, 1 << 40] {
            var bandwidth = Bandwidth(Bandwidth.Limits(link: limit))
            var moment = start
            var bytes: Int64 = 0
            // Looked at every seven milliseconds for a minute.
            while moment < start + .seconds(60) {
                if let portion = bandwidth.portion, bandwidth.isOpen("a", at: moment) {
                    bandwidth.count(Int(portion), of: "a", at: moment)
                    bytes += Int64(portion)
                }
                moment += .milliseconds(7)
            }
            let most = limit * 60 + 2 * Int64(bandwidth.portion ?? 0)
            #expect(bytes <= most)
            // A portion has at most 2 GiB.
            if limit < 1 << 30 { #expect(bytes >= limit * 59) }
        }
    }
}
