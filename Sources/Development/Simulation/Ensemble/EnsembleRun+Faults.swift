import Quorum
import Seams

/// What befalls the ensemble, and how it is mended.
extension EnsembleRun {
    mutating func fault() {
        let server = random.below(servers.count)
        switch random.below(14) {
        case 0...2:
            end(
                server, losesPower: random.happens(1, in: 2), until: .milliseconds(random.within(10...2500)))
        case 3: servers[server].disk.stop(afterChanges: random.within(1...40))
        case 4: servers[server].disk.inject(.init(.synchronize, suffix: "", after: random.within(0...20)))
        case 5, 6: partition()
        case 7: cut([server])
        case 8, 9: mend()
        case 10:
            if servers.count > 1 { breakLink(server, (server + 1 + random.below(servers.count - 1)) % servers.count) }
        case 11: servers[server].pausedUntil = now + Duration.milliseconds(random.within(50...2000)).nanoseconds
        case 12: servers[server].longestSync = .milliseconds(random.within(1...200))
        default: servers[server].clock.calendarOffsetInMilliseconds = Int64(random.within(-10_000_000...10_000_000))
        }
        if random.happens(1, in: 25), let client = clients.indices.first(where: { clients[$0].isGone == false }),
            client < clients.count - 2
        {
            // Its session is to expire, and its node to go.
            leave(client)
            clients[client].isGone = true
        }
    }

    private mutating func partition() {
        cut(Set(servers.indices.filter { _ in random.happens(1, in: 2) }))
    }

    /// Cuts these off from the others, at times in one direction alone.
    private mutating func cut(_ side: Set<Int>) {
        mend()
        let isOneWay = random.happens(1, in: 3)
        trace?.note(now, "cut off: \(side.sorted().map { $0 + 1 })\(isOneWay ? ", one way" : "")")
        for one in side.sorted() {
            for other in servers.indices where !side.contains(other) {
                network.cut(from: one, to: other)
                if !isOneWay { network.cut(from: other, to: one) }
            }
        }
    }

    /// Links that lost anything have to be made anew.
    private mutating func mend() {
        network.mendAll()
        for one in servers.indices {
            for other in servers.indices where one < other { breakLink(one, other) }
        }
    }

    // MARK: - The end

    mutating func calm() {
        isCalm = true
        trace?.note(now, "calm")
        for server in servers.indices {
            servers[server].pausedUntil = 0
            servers[server].longestSync = .milliseconds(3)
            servers[server].disk.endStop()
            agenda.plan(.start(server), at: now)
        }
        mend()
    }

    /// Within bounded time every client is served, and finds what was acknowledged.
    mutating func settle() {
        let began = now
        let limit = now + Duration.seconds(40).nanoseconds
        var compared = false
        while violations.isEmpty {
            stepOnce()
            if now > began + Duration.seconds(4).nanoseconds { isEnding = true }
            let alive = clients.filter { !$0.isGone }
            guard now < limit else {
                let waiting = alive.map { "client \($0.index) \($0.phase), waits for \($0.waiting.count)" }
                return oracle.violate("not everybody is served: \(waiting), \(servers.map(\.summary))")
            }
            // Long enough for sessions to expire whose clients are gone.
            guard isEnding, now > began + Duration.seconds(12).nanoseconds else { continue }
            if alive.allSatisfy({ $0.phase == .connected && $0.seen.allSatisfy { $0 >= 0 } }) {
                compared = true
                break
            }
        }
        if compared { compare() }
    }

    private mutating func compare() {
        for client in clients where !client.isGone {
            for register in 0..<Self.registerCount {
                oracle.found(client.seen[register], in: register, by: client.index)
            }
        }
        let states = servers.compactMap(\.kernel)
        for kernel in states where kernel.lastZxid == states[0].lastZxid {
            if kernel.state != states[0].state { oracle.violate("members hold different trees of one zxid") }
        }
        for client in clients {
            let exists = states.map { !$0.state.ephemeralPaths(of: client.session).isEmpty }
            if client.isGone, exists.contains(true), client.session != 0 {
                oracle.violate("\(client.ephemeralPath) outlives the session of a client that is gone")
            }
            if !client.isGone, client.hasEphemeral, exists.contains(false) {
                oracle.violate("\(client.ephemeralPath) is gone, and its session lives")
            }
        }
    }
}
