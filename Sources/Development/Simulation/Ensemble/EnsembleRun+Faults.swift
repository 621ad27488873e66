import CoordinatorKernel
import Quorum
import Seams
import ZNodes

/// What befalls the ensemble, and how it is mended.
extension EnsembleRun {
    mutating func fault() {
        let server = random.below(servers.count)
        switch random.below(27) {
        case 0...3:
            end(
                server, losesPower: random.happens(1, in: 2), until: .milliseconds(random.within(10...2500)))
        case 4: servers[server].disk.stop(afterChanges: random.within(1...40))
        case 5: servers[server].disk.inject(.init(.synchronize, suffix: "", after: random.within(0...20)))
        case 6, 7: cut(Set(servers.indices.filter { _ in random.happens(1, in: 2) }))
        case 8: cut([server])
        case 9, 10: mend()
        case 11: breakStream(server)
        case 12: stall(server)
        case 13: changeWeather()
        case 14, 15: pause(server, for: .milliseconds(random.within(50...2000)))
        case 16: servers[server].longestSync = .milliseconds(random.within(1...200))
        case 17: servers[server].clock.calendarOffsetInMilliseconds = Int64(random.within(-10_000_000...10_000_000))
        case 18: fill(server)
        case 19, 20: loseDisk(server)
        case 21: cutPower()
        case 22: slowDisks()
        case 23: isolateLeader()
        default: reconfigure()
        }
        if random.happens(1, in: 25) { killClient() }
        compareTrees()
    }

    /// The power goes everywhere, and machines come back one after the other.
    private mutating func cutPower() {
        for server in servers.indices { end(server, losesPower: true, until: .milliseconds(random.within(10...2500))) }
    }

    /// All disks take long to make anything durable: much is lost when the power goes.
    private mutating func slowDisks() {
        let longest = Duration.milliseconds(random.within(20...400))
        for server in servers.indices { servers[server].longestSync = longest }
    }

    /// Cuts the leader off from the others, who learn of it long before it does, the more so if it is stopped.
    private mutating func isolateLeader() {
        let isLeading = servers.map { $0.kernel?.ensembleStatus?.quorum.role == .leading }
        guard let leader = isLeading.firstIndex(of: true) else { return }
        trace?.note(now, "\(leader + 1) is cut off, and leads")
        if random.happens(1, in: 2) { pause(leader, for: .milliseconds(random.within(300...1500))) }
        for other in servers.indices where other != leader {
            network.cut(from: leader, to: other)
            network.cut(from: other, to: leader)
            planLoss(other, of: leader, within: 50)
            planLoss(leader, of: other, within: 2000)
        }
    }

    private mutating func breakStream(_ server: Int) {
        let other = random.below(servers.count)
        if other != server { breakStream(from: server, to: other, isSmall: random.happens(1, in: 2)) }
    }

    /// Stops a process that is not stopped already: what waits for the end of one pause must not be overtaken by what waits
    /// for that of another.
    private mutating func pause(_ server: Int, for duration: Duration) {
        guard servers[server].pausedUntil <= now else { return }
        servers[server].pausedUntil = now + duration.nanoseconds
        trace?.note(now, "\(server + 1) is stopped until \(servers[server].pausedUntil / 1_000_000)")
    }

    /// Its session is to expire, and its node to go.
    private mutating func killClient() {
        guard let client = clients.indices.first(where: { !clients[$0].isGone }), client < clients.count - 2 else {
            return
        }
        leave(client)
        clients[client].isGone = true
    }

    /// Leaves little room on a disk, for a while.
    private mutating func fill(_ server: Int) {
        let disk = servers[server].disk
        disk.limitCapacity(to: disk.sizeInBytes + random.below(3000))
        trace?.note(now, "the disk of \(server + 1) is full")
        agenda.plan(.roomReturns(server), at: now + Duration.milliseconds(random.within(100...3000)).nanoseconds)
    }

    /// Takes a member's disk away when the others can do without it: those that have lost nothing have to be a quorum of the
    /// ensemble, which all its members have to know.
    private mutating func loseDisk(_ server: Int) {
        let statuses = servers.map { $0.kernel?.ensembleStatus?.quorum }
        guard let newest = statuses.compactMap({ $0?.membership }).max(by: { $0.version < $1.version }) else { return }
        let areCurrent = newest.members.allSatisfy { member in
            guard let status = statuses[Int(member.id.number) - 1] else { return false }
            return status.membership.version == newest.version && status.committed >= newest.version
        }
        let others = servers.indices.filter { $0 != server && servers[$0].isVoting }.map { servers[$0].id }
        guard areCurrent, newest.isQuorum(Set(others)), servers[server].hasEverRun else { return }
        end(server, losesPower: true, until: .milliseconds(random.within(1...1500)))
        guard !servers[server].isRunning else { return }
        trace?.note(now, "\(server + 1) has lost its disk")
        servers[server].loseDisk(seed: random.next())
    }

    /// A client asks for one member to come, to go, or to get another part.
    private mutating func reconfigure() {
        guard let leader = servers.first(where: { $0.kernel?.ensembleStatus?.quorum.role == .leading }),
            let membership = leader.kernel?.ensembleStatus?.quorum.membership,
            let client = clients.indices.first(where: {
                clients[$0].phase == .connected && clients[$0].waiting.count < 10
            })
        else { return }
        let server = random.below(servers.count)
        let id = servers[server].id
        let canSpare = membership.voters.count > 2 || !membership.isVoter(id)
        if membership[id] != nil, canSpare, random.happens(1, in: 2) {
            return ask(client, .reconfigure(joining: nil, leaving: "\(id)"))
        }
        let isVoter = !canSpare || random.happens(2, in: 3)
        if !servers[server].hasEverRun { agenda.plan(.start(server), at: now) }
        let line = Self.member(server + 1, isVoter: isVoter).configurationLine
        ask(client, .reconfigure(joining: line, leaving: nil))
    }

    /// Members that have applied the same changes, all of them committed, hold the same.
    private mutating func compareTrees() {
        var states: [Int64: TreeState] = [:]
        for kernel in servers.compactMap(\.kernel) where agreement.isCommitted(kernel.lastZxid) {
            if let other = states[kernel.lastZxid], other != kernel.state {
                oracle.violate("members hold different trees of \(zxid: kernel.lastZxid)")
            }
            states[kernel.lastZxid] = kernel.state
        }
    }

    // MARK: - The end

    mutating func calm() {
        isCalm = true
        trace?.note(now, "calm")
        for server in servers.indices {
            servers[server].longestSync = .milliseconds(3)
            servers[server].disk.endStop()
            servers[server].disk.limitCapacity(to: .max)
            if servers[server].hasEverRun { agenda.plan(.start(server), at: now) }
        }
        network.weather = SimulatedNetwork.Weather()
        mend()
    }

    /// Within bounded time every client is served, and finds what was acknowledged.
    mutating func settle() {
        let began = now
        let limit = now + Duration.seconds(40).nanoseconds
        while violations.isEmpty {
            stepOnce()
            if now > began + Duration.seconds(3).nanoseconds { isEnding = true }
            let alive = clients.filter { !$0.isGone }
            guard now < limit else {
                let waiting = alive.map { "client \($0.index) \($0.phase), waits for \($0.waiting.count)" }
                return oracle.violate("not everybody is served: \(waiting), \(servers.map(\.summary))")
            }
            // Long enough for sessions to expire whose clients are gone.
            guard isEnding, now > began + Duration.seconds(8).nanoseconds else { continue }
            if alive.allSatisfy({ $0.phase == .connected && $0.seen.allSatisfy { $0 >= 0 } }) {
                return compare()
            }
        }
    }

    private mutating func compare() {
        for client in clients where !client.isGone {
            for register in 0..<Self.registerCount {
                oracle.found(client.seen[register], in: register, by: client.index)
            }
        }
        compareTrees()
        let serving = servers.compactMap(\.kernel).filter(\.role.isServing)
        let newest = serving.map(\.lastZxid).max()
        let states = serving.filter { $0.lastZxid == newest }
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
