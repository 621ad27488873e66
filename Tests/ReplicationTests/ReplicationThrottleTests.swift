import Replication
import Seams
import Testing

@Suite struct ReplicationThrottleTests {
    private let start = Instant(nanoseconds: 5_000_000_000, unixMilliseconds: 0)

    private func throttle(_ limit: Int64?, windows: Int = 3) -> ReplicationThrottle {
        var throttle = ReplicationThrottle(windowCount: windows, window: .seconds(1))
        throttle.limit = limit
        return throttle
    }

    @Test func withoutALimitNothingWaits() {
        var throttle = throttle(nil)
        throttle.count(.max / 2, at: start)
        #expect(!throttle.isExceeded(at: start))
        #expect(throttle.allowed(from: start) == start)
    }

    @Test func whatIsOverdrawnIsPaidOff() {
        var throttle = throttle(1000)
        throttle.count(1000, at: start)
        #expect(!throttle.isExceeded(at: start), "a whole window's worth in one moment")
        throttle.count(1000, at: start)
        #expect(throttle.isExceeded(at: start))
        #expect(throttle.allowed(from: start) == start + .seconds(2))
        #expect(throttle.isExceeded(at: start + .milliseconds(1999)))
        #expect(!throttle.isExceeded(at: start + .seconds(2)))
    }

    @Test func nothingCountsForLongerThanAllWindows() {
        var throttle = throttle(1000)
        throttle.count(1_000_000, at: start)
        #expect(throttle.allowed(from: start) == start + .seconds(3))
        #expect(!throttle.isExceeded(at: start + .seconds(3)))
    }

    @Test func aLimitThatIsLiftedLetsEverythingThrough() {
        var throttle = throttle(1)
        throttle.count(1000, at: start)
        #expect(throttle.isExceeded(at: start))
        throttle.limit = nil
        #expect(!throttle.isExceeded(at: start))
        throttle.limit = 0
        #expect(throttle.allowed(from: start) == start + .seconds(3))
    }

    @Test func whoTakesAsSoonAsItIsAllowedTakesTheLimit() {
        var throttle = throttle(10_000, windows: 11)
        var now = start
        var sum = 0
        while now < start + .seconds(60) {
            now = throttle.allowed(from: now)
            throttle.count(7_000, at: now)
            sum += 7_000
        }
        #expect((590_000...680_000).contains(sum), "\(sum) bytes in a minute")
    }

    /// Against a dumb twin that adds up what counts, at any moments.
    @Test(arguments: 1...20) func allowedIsTheFirstMomentThatIsNotExceeded(seed: Int) {
        var random = Congruential(state: UInt64(seed))
        var throttle = throttle(Int64.random(in: 1...500, using: &random))
        let limit = Double(throttle.limit ?? 0)
        var now = start
        var windows: [(begin: Instant, bytes: Int)] = []
        for _ in 0..<40 {
            now = now + .milliseconds(Int64.random(in: 0...900, using: &random))
            let bytes = Int.random(in: 0...800, using: &random)
            windows.removeAll { now - $0.begin >= .seconds(3) }
            if let last = windows.last, now - last.begin < .seconds(1) {
                windows[windows.count - 1].bytes += bytes
            } else {
                windows.append((now, bytes))
            }
            throttle.count(bytes, at: now)
            var moment = now
            while true {
                let counted = windows.filter { moment - $0.begin < .seconds(3) }
                let sum = Double(counted.reduce(0) { $0 + $1.bytes })
                let elapsed = counted.first.map { Double((moment - $0.begin).nanoseconds) / 1e9 } ?? 0
                guard sum > limit * max(1, elapsed) else { break }
                moment = moment + .milliseconds(1)
            }
            let allowed = throttle.allowed(from: now)
            #expect(allowed <= moment && moment - allowed <= .milliseconds(1))
        }
    }
}

private struct Congruential: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state
    }
}
