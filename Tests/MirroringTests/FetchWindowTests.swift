import Mirroring
import Testing

@Suite("How much is asked for of a broker that is far away")
struct FetchWindowTests {
    private static let bounds = 12_000_000...96_000_000

    /// A way on which as much is under way as the window says, looked at every hundredth of a second.
    private struct Way {
        var bytesPerSecond: Double
        let roundTrip: Duration
        /// What a fetch takes besides: to be asked for, sent and looked at.
        var effort = Duration.milliseconds(50)
        var window = FetchWindow(bounds: bounds)
        var now = ContinuousClock.now

        /// How many times what the way holds is asked for in the end.
        mutating func run(seconds: Int) -> Double {
            for _ in 0..<seconds * 100 {
                let asked = Double(window.bytes)
                let rate = min(asked / ((roundTrip + effort) / .seconds(1)), bytesPerSecond)
                now += .milliseconds(10)
                window.took(
                    Int(rate / 100), after: .seconds(1) * (asked / rate), isFull: true, roundTrip: roundTrip, at: now)
            }
            return Double(window.bytes) / (bytesPerSecond * (roundTrip / .seconds(1)))
        }
    }

    @Test("A way is filled within seconds, and little waits on it")
    func filling() {
        var way = Way(bytesPerSecond: 125_000_000, roundTrip: .milliseconds(100))
        #expect((2...2.3).contains(way.run(seconds: 3)))
        // It has become wider.
        way.bytesPerSecond = 300_000_000
        #expect((2...2.3).contains(way.run(seconds: 3)))
        // Others use it too.
        way.bytesPerSecond = 100_000_000
        #expect((2...2.3).contains(way.run(seconds: 25)))
    }

    @Test("Neither a narrow way nor a wide one moves it beyond its bounds")
    func bounds() {
        var narrow = Way(bytesPerSecond: 1_000_000, roundTrip: .milliseconds(20))
        _ = narrow.run(seconds: 5)
        #expect(narrow.window.bytes < Self.bounds.lowerBound * 102 / 100)
        var wide = Way(bytesPerSecond: 10_000_000_000, roundTrip: .milliseconds(150))
        _ = wide.run(seconds: 20)
        #expect(wide.window.bytes == Self.bounds.upperBound)
    }

    @Test("What comes by little after a rest does not count as the way's best")
    func rest() {
        var way = Way(bytesPerSecond: 125_000_000, roundTrip: .milliseconds(100))
        let filled = way.run(seconds: 3)
        way.window.took(1000, after: .milliseconds(500), isFull: false, roundTrip: way.roundTrip, at: way.now)
        #expect(Double(way.window.bytes) / 12_500_000 == filled)
    }
}
