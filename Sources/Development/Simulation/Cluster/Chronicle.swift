import Seams

/// The time of a simulation, what is to happen in it, and what has happened.
final class Chronicle {
    let traces: Bool
    private(set) var now = Instant(nanoseconds: 1_000_000_000, unixMilliseconds: 1_700_000_000_000)
    /// What somebody did that must not be.
    private(set) var violations: [String] = []
    private(set) var trace: [String] = []
    /// Does what became possible by the last thing that happened.
    var settle: () -> Void = {}
    private var queue = Timeline()

    init(traces: Bool) { self.traces = traces }

    func note(_ text: @autoclosure () -> String) {
        guard traces else { return }
        trace.append("\(Double(now.nanoseconds / 1_000_000) / 1000): \(text())")
    }

    func violate(_ text: String) {
        note("VIOLATION \(text)")
        if violations.count < 20 { violations.append(text) }
    }

    func at(_ time: Instant, _ action: @escaping () -> Void) { queue.add(action, at: time) }

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
