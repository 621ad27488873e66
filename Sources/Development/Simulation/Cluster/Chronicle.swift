import Seams

/// The time of a simulation, what is to happen in it, and what has happened.
final class Chronicle {
    let traces: Bool
    let start = Instant(nanoseconds: 1_000_000_000, unixMilliseconds: 1_700_000_000_000)
    private(set) var now: Instant
    /// What somebody did that must not be.
    private(set) var violations: [String] = []
    private(set) var trace: [String] = []
    /// How often something happened that a run is to bring about, by what it was.
    private(set) var occurrences: [String: Int] = [:]
    /// Does what became possible by the last thing that happened.
    var settle: () -> Void = {}
    private var queue = Timeline()

    init(traces: Bool) {
        self.traces = traces
        now = start
    }

    func note(_ text: @autoclosure () -> String) {
        guard traces else { return }
        trace.append("\(Double(now.nanoseconds / 1_000_000) / 1000): \(text())")
    }

    /// Counts something that a run is to bring about.
    func count(_ what: String) { occurrences[what, default: 0] += 1 }

    func violate(_ text: String) {
        note("VIOLATION \(text)")
        if violations.count < 20 { violations.append(text) }
    }

    func at(_ time: Instant, _ action: @escaping () -> Void) { queue.add(action, at: time) }

    /// Forgets what was to happen, and with it who would have done it.
    func end() { queue = Timeline() }

    func run(for duration: Duration) {
        let end = now + duration
        while let (time, action) = queue.take(upTo: end) {
            now = time
            action()
            settle()
        }
        now = end
    }
}
