/// The links between members: how long what is sent takes, and whether it arrives at all.
///
/// A link goes one way and has two ports: one for small messages, one for what comes in order.
struct SimulatedNetwork {
    /// How links fare that are not cut.
    struct Weather {
        var shortestDelay = Duration.microseconds(200)
        var longestDelay = Duration.milliseconds(2)
        var lostPerMille = 0
        var repeatedPerMille = 0
        /// Whether what is sent later may arrive earlier on the same port.
        var overtakes = false
    }

    /// One port of a link at the time of sending; what was sent before a reset never arrives.
    struct Passage: Equatable {
        fileprivate var index: Int
        fileprivate var generation: UInt32
    }

    enum Outcome {
        case lost
        case arriving(at: Int64, again: Int64?)
    }

    private struct Port {
        var isCut = false
        var generation: UInt32 = 0
        var lastArrival: Int64 = 0
        /// What is sent before is lost.
        var brokenUntil: Int64 = 0
    }

    private let memberCount: Int
    private var ports: [Port]
    var weather = Weather()

    init(memberCount: Int) {
        self.memberCount = memberCount
        ports = Array(repeating: Port(), count: memberCount * memberCount * 2)
    }

    /// Members count from 0.
    mutating func send(
        from sender: Int, to receiver: Int, isSmall: Bool, at now: Int64, _ random: inout SeededRandom
    ) -> (Passage, Outcome) {
        let index = (sender * memberCount + receiver) * 2 + (isSmall ? 1 : 0)
        let passage = Passage(index: index, generation: ports[index].generation)
        if ports[index].isCut || now < ports[index].brokenUntil || random.happens(weather.lostPerMille, in: 1000) {
            return (passage, .lost)
        }
        let again =
            random.happens(weather.repeatedPerMille, in: 1000)
            ? arrival(index, sentAt: now, &random) + Duration.milliseconds(random.below(300)).nanoseconds : nil
        return (passage, .arriving(at: arrival(index, sentAt: now, &random), again: again))
    }

    /// Whether what was sent on the passage may still arrive.
    func isOpen(_ passage: Passage) -> Bool {
        let port = ports[passage.index]
        return port.generation == passage.generation && !port.isCut
    }

    private mutating func arrival(_ index: Int, sentAt now: Int64, _ random: inout SeededRandom) -> Int64 {
        let shortest = weather.shortestDelay.nanoseconds
        let span = max(1, weather.longestDelay.nanoseconds - shortest)
        let time = now + shortest + Int64(random.below(Int(span)))
        if weather.overtakes { return time }
        ports[index].lastArrival = max(time, ports[index].lastArrival)
        return ports[index].lastArrival
    }

    // MARK: - What happens to links

    /// Cuts or mends the link from one member to another, in that direction alone.
    mutating func cut(from sender: Int, to receiver: Int, _ isCut: Bool = true) {
        for port in 0..<2 { ports[(sender * memberCount + receiver) * 2 + port].isCut = isCut }
    }

    /// Loses what is on its way from one member to another.
    mutating func reset(from sender: Int, to receiver: Int) {
        for port in 0..<2 {
            let index = (sender * memberCount + receiver) * 2 + port
            ports[index].generation += 1
            ports[index].lastArrival = 0
        }
    }

    /// Loses what is on its way on one port, and what is sent on it before `time`.
    mutating func tear(from sender: Int, to receiver: Int, isSmall: Bool, until time: Int64) {
        let index = (sender * memberCount + receiver) * 2 + (isSmall ? 1 : 0)
        ports[index].generation += 1
        ports[index].lastArrival = 0
        ports[index].brokenUntil = time
    }

    /// Lets nothing that is sent from now on arrive before `time`.
    mutating func stall(from sender: Int, to receiver: Int, until time: Int64) {
        for port in 0..<2 {
            let index = (sender * memberCount + receiver) * 2 + port
            ports[index].lastArrival = max(time, ports[index].lastArrival)
        }
    }

    mutating func mendAll() {
        for index in ports.indices { ports[index].isCut = false }
    }
}

extension SeededRandom {
    /// At least 0 and below `limit`. Faster than the standard library's in a build without optimization, and of a bias
    /// that a simulation does not notice.
    mutating func below(_ limit: Int) -> Int { Int(truncatingIfNeeded: next() >> 1) % limit }

    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    mutating func happens(_ times: Int, in trials: Int) -> Bool { times > 0 && below(trials) < times }
}
