import Replication
import Seams
import Testing

@Suite struct SynchronousLinkTests {
    private let start = Instant(nanoseconds: 5_000_000_000, unixMilliseconds: 0)

    private func link(highWatermark: Int64 = 0) -> SynchronousLink {
        SynchronousLink("west->east", limit: .seconds(10), highWatermark: highWatermark, at: start)
    }

    private func confirm(_ link: inout SynchronousLink, _ end: Int64, _ highWatermark: Int64, _ now: Instant) -> Bool {
        link.confirm(end, highWatermark: highWatermark, at: now)
    }

    private func tick(_ link: inout SynchronousLink, _ now: Instant) -> Bool { link.tick(at: now) }

    @Test func answersWaitForBothRegions() {
        var link = link()
        #expect(link.deadline == .never && link.answeredEnd(highWatermark: 0) <= 0)
        link.committed(5, at: start)
        #expect(link.answeredEnd(highWatermark: 5) < 1)
        #expect(!confirm(&link, 3, 5, start))
        #expect(link.answeredEnd(highWatermark: 5) == 3)
        // The target may tell more than a leader that has just begun knows to be committed.
        #expect(!confirm(&link, 9, 5, start))
        #expect(link.answeredEnd(highWatermark: 5) == 5 && link.deadline == .never)
        // What was told late says nothing.
        #expect(!confirm(&link, 2, 5, start))
        #expect(link.confirmed == 9)
    }

    @Test func eachCommitHasItsOwnTime() {
        var link = link()
        link.committed(5, at: start)
        link.committed(9, at: start + .seconds(4))
        #expect(link.deadline == start + .seconds(10))
        #expect(!tick(&link, start + .seconds(9)))
        #expect(!confirm(&link, 5, 9, start + .seconds(9)))
        #expect(link.deadline == start + .seconds(14))
        #expect(!tick(&link, start + .seconds(13)))
        #expect(tick(&link, start + .seconds(14)) && link.isDegraded)
        #expect(link.answeredEnd(highWatermark: 9) == 9 && link.deadline == .never)
        #expect(!tick(&link, start + .seconds(99)), "said once")
    }

    @Test func manyCommitsAreFewMarksAndNoneIsForgotten() {
        var link = link()
        // 10,000 commits within the limit; the target stops at 1.
        for offset in Int64(1)...10_000 { link.committed(offset, at: start + .milliseconds(offset)) }
        #expect(!confirm(&link, 1, 10_000, start + .seconds(10)))
        #expect(link.deadline <= start + .milliseconds(10_002))
        #expect(!confirm(&link, 9_999, 10_000, start + .seconds(10)))
        #expect(link.deadline <= start + .milliseconds(20_000))
        #expect(!confirm(&link, 10_000, 10_000, start + .seconds(10)))
        #expect(link.deadline == .never)
    }

    @Test func aLeaderBeginsWithoutKnowing() {
        var link = link(highWatermark: 7)
        #expect(link.answeredEnd(highWatermark: 7) < 1 && link.deadline == start + .seconds(10))
        #expect(!confirm(&link, 7, 7, start + .seconds(1)))
        #expect(link.answeredEnd(highWatermark: 7) == 7 && link.deadline == .never)
    }

    @Test func itKeepsUpAgainOnceAllIsThere() {
        var link = link(highWatermark: 7)
        #expect(tick(&link, start + .seconds(10)))
        link.committed(20, at: start + .seconds(11))
        #expect(!confirm(&link, 12, 20, start + .seconds(12)))
        #expect(confirm(&link, 20, 20, start + .seconds(60)))
        #expect(!link.isDegraded && link.deadline == .never)
        #expect(!confirm(&link, 20, 20, start + .seconds(61)), "said once")
    }

    @Test func itKeepsUpAgainWhileWritingGoesOn() {
        var link = link(highWatermark: 7)
        #expect(tick(&link, start + .seconds(10)))
        // It is always a little behind: first more than half of the limit, then less.
        var moment = start + .seconds(20)
        #expect(!confirm(&link, 100, 200, moment))
        moment = moment + .seconds(6)
        #expect(!confirm(&link, 200, 300, moment), "six seconds behind")
        moment = moment + .seconds(2)
        #expect(!confirm(&link, 250, 350, moment), "what was there two seconds ago is not there")
        moment = moment + .seconds(1)
        #expect(confirm(&link, 300, 400, moment), "three seconds behind")
        #expect(link.deadline == moment + .seconds(10) && link.answeredEnd(highWatermark: 400) == 300)
    }
}
