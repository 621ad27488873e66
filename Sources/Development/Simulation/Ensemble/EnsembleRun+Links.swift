import Quorum
import Seams

/// What happens to the links between members.
extension EnsembleRun {
    /// Breaks all streams between two members.
    mutating func breakLink(_ one: Int, _ other: Int) {
        for isSmall in [true, false] {
            breakStream(from: one, to: other, isSmall: isSmall)
            breakStream(from: other, to: one, isSmall: isSmall)
        }
    }

    /// Loses what is on its way on one stream. Both ends learn of it before the stream carries anything again.
    mutating func breakStream(from sender: Int, to receiver: Int, isSmall: Bool) {
        let span = random.within(1...80)
        let again = now + Duration.milliseconds(span).nanoseconds
        network.tear(from: sender, to: receiver, isSmall: isSmall, until: again)
        planLoss(sender, of: receiver, within: span)
        planLoss(receiver, of: sender, within: span)
        if !isSmall { agenda.plan(.linkMade(sender, to: receiver), at: again) }
    }

    mutating func planLoss(_ server: Int, of other: Int, within milliseconds: Int) {
        let time = now + Duration.milliseconds(random.below(milliseconds)).nanoseconds
        agenda.plan(.linkLost(server, life: servers[server].life, of: other), at: time)
    }

    /// Cuts these off from the others, at times in one direction alone.
    mutating func cut(_ side: Set<Int>) {
        mend()
        let isOneWay = random.happens(1, in: 3)
        trace?.note(now, "cut off: \(side.sorted().map { $0 + 1 })\(isOneWay ? ", one way" : "")")
        for one in side.sorted() {
            for other in servers.indices where !side.contains(other) {
                network.cut(from: one, to: other)
                if !isOneWay { network.cut(from: other, to: one) }
                // Its silence tells.
                planLoss(one, of: other, within: 2000)
                planLoss(other, of: one, within: 2000)
            }
        }
    }

    /// Links that lost anything have to be made anew.
    mutating func mend() {
        network.mendAll()
        for one in servers.indices {
            for other in servers.indices where one < other { breakLink(one, other) }
        }
    }

    /// Lets one direction between two members carry nothing for a while; nothing is lost.
    mutating func stall(_ server: Int) {
        let other = random.below(servers.count)
        let time = now + Duration.milliseconds(random.within(50...1000)).nanoseconds
        if other != server { network.stall(from: server, to: other, until: time) }
    }

    mutating func changeWeather() {
        network.weather.longestDelay =
            random.happens(1, in: 2) ? .milliseconds(2) : .milliseconds(random.within(2...150))
    }
}
