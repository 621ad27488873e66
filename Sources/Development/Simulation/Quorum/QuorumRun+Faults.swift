import Quorum
import Seams

/// What befalls the ensemble, and how it is mended.
extension QuorumRun {
    mutating func fault() {
        let member = random.below(members.count)
        switch random.below(30) {
        case 0...4: endForAWhile(chooseMember(preferringLeader: random.happens(1, in: 2)))
        case 5...7: partition()
        case 8: isolate(chooseMember(preferringLeader: true))
        case 9: cutOneWay()
        case 10, 11: network.mendAll()
        case 12: reset(member, random.below(members.count))
        case 13, 14: pause(chooseMember(preferringLeader: random.happens(1, in: 2)))
        case 15: members[member].longestSync = random.happens(1, in: 3) ? nil : .milliseconds(random.within(1...800))
        case 26: slowDisks()
        case 16: members[member].clock.calendarOffsetInMilliseconds = Int64(random.within(-10_000_000...10_000_000))
        case 17, 18: changeWeather()
        case 19, 20: compact(member)
        case 21: if case .leading = members[member].role { step(member, .resigned) }
        case 22, 23: loseDisk(member, until: .milliseconds(random.within(1...1500)))
        case 24: cutPower()
        case 25: loseConnections(of: chooseMember(preferringLeader: true))
        default: reconfigure()
        }
    }

    private mutating func chooseMember(preferringLeader: Bool) -> Int {
        if preferringLeader {
            for (member, state) in members.enumerated() {
                if case .leading = state.role { return member }
            }
        }
        return random.below(members.count)
    }

    private mutating func endForAWhile(_ member: Int) {
        guard members[member].core != nil else { return }
        end(member, losesPower: random.happens(1, in: 2))
        agenda.plan(.start(member), at: now + Duration.milliseconds(random.within(1...2500)).nanoseconds)
    }

    /// The power goes everywhere, and machines come back one after the other.
    private mutating func cutPower() {
        for member in members.indices where members[member].core != nil {
            end(member, losesPower: true)
            agenda.plan(.start(member), at: now + Duration.milliseconds(random.within(1...2500)).nanoseconds)
        }
    }

    /// All disks take long to make anything durable: much is lost when the power goes.
    private mutating func slowDisks() {
        let longest = Duration.milliseconds(random.within(20...800))
        for member in members.indices { members[member].longestSync = longest }
    }

    /// Everybody has to connect with a member anew, which itself does not notice. That takes each of them a moment in
    /// either direction.
    private mutating func loseConnections(of member: Int) {
        trace?.note(now, "\(member + 1) loses its connections")
        for other in members.indices where other != member {
            reset(member, other)
            network.stall(
                from: member, to: other, until: now + Duration.milliseconds(random.within(50...300)).nanoseconds)
            network.stall(
                from: other, to: member, until: now + Duration.milliseconds(random.within(50...350)).nanoseconds)
        }
    }

    /// Somebody gets a vote, and before anybody hears of it who has given it does not know any more.
    mutating func forgetVote(of voter: Int, for candidate: Int) {
        guard !isCalm else { return }
        agenda.plan(.diskLost(voter), at: now + Duration.milliseconds(random.within(3...10)).nanoseconds)
        let heard = now + Duration.milliseconds(random.within(100...600)).nanoseconds
        for other in members.indices where other != candidate {
            network.stall(from: candidate, to: other, until: heard)
        }
    }

    private mutating func partition() {
        network.mendAll()
        let sides = members.map { _ in random.happens(1, in: 2) }
        for one in members.indices {
            for other in members.indices where sides[one] != sides[other] { network.cut(from: one, to: other) }
        }
        trace?.note(now, "partition \(sides)")
    }

    private mutating func isolate(_ member: Int) {
        trace?.note(now, "\(member + 1) is cut off")
        for other in members.indices where other != member {
            network.cut(from: member, to: other)
            network.cut(from: other, to: member)
        }
    }

    private mutating func cutOneWay() {
        let (one, other) = (random.below(members.count), random.below(members.count))
        trace?.note(now, "cut from \(one + 1) to \(other + 1)")
        network.cut(from: one, to: other)
    }

    private mutating func reset(_ one: Int, _ other: Int) {
        guard one != other else { return }
        network.reset(from: one, to: other)
        planLinkLoss(one, of: other)
        planLinkLoss(other, of: one)
    }

    private mutating func pause(_ member: Int) {
        members[member].pausedUntil = now + Duration.milliseconds(random.within(50...2000)).nanoseconds
        trace?.note(now, "\(member + 1) is stopped until \(members[member].pausedUntil / 1_000_000)")
    }

    private mutating func changeWeather() {
        var weather = SimulatedNetwork.Weather()
        if random.happens(1, in: 2) { weather.longestDelay = .milliseconds(random.within(2...300)) }
        if random.happens(1, in: 2) { weather.lostPerMille = random.within(0...200) }
        if random.happens(1, in: 2) { weather.repeatedPerMille = random.within(0...200) }
        weather.overtakes = random.happens(1, in: 2)
        network.weather = weather
    }

    private mutating func compact(_ member: Int) {
        guard members[member].core != nil, members[member].disk.unsynced.isEmpty else { return }
        members[member].disk.compact(members[member].applied)
    }

    /// Takes a member's disk away when the others can do without it: those that vote have to be a quorum of every ensemble
    /// that may come to decide.
    mutating func loseDisk(_ member: Int, until restart: Duration) {
        let id = members[member].id
        let others = voting.subtracting([id])
        guard members[member].life > 0, memberships.allSatisfy({ $0.isQuorum(others) }) else { return }
        end(member, losesPower: true)
        trace?.note(now, "\(member + 1) has lost its disk")
        members[member].loseDisk(founding)
        agenda.plan(.start(member), at: now + restart.nanoseconds)
    }

    /// Who has lost nothing.
    private var voting: Set<MemberID> { Set(members.filter { $0.disk.promise.standing == .voting }.map(\.id)) }

    /// All that any member knows of, also such as may be taken back.
    private var memberships: [Membership] {
        members.flatMap { [$0.disk.live.base.membership] + $0.disk.live.entries.compactMap(\.membership) }
    }

    // MARK: - Changing the ensemble

    private mutating func reconfigure() {
        for (index, member) in members.enumerated() {
            guard case .leading(let epoch) = member.role, Epoch.of(zxid: member.disk.live.last) == epoch,
                let core = member.core
            else { continue }
            let zxid = member.disk.live.last + 1
            let wanted = changed(core.membership, version: zxid)
            for added in wanted.members where members[Int(added.id.number) - 1].life == 0 {
                agenda.plan(.start(Int(added.id.number) - 1), at: now)
            }
            guard wanted.isQuorum(voting) else { continue }
            if core.refusal(of: wanted, at: member.clock.instant(at: now)) == nil {
                propose([QuorumEntry(zxid: zxid, record: nextRecord(), membership: wanted)], at: index)
            }
        }
    }

    /// Several members may come, go, or change their part at once.
    private mutating func changed(_ membership: Membership, version: Int64) -> Membership {
        var changed = membership.members
        for _ in 0..<random.within(1...3) {
            let id = MemberID(Int64(random.within(1...members.count)))
            if let place = changed.firstIndex(where: { $0.id == id }) {
                if random.happens(1, in: 2) {
                    changed[place].isVoter.toggle()
                } else {
                    changed.remove(at: place)
                }
            } else {
                changed.append(Membership.Member(id: id, isVoter: random.happens(2, in: 3)))
            }
        }
        return changed.contains(where: \.isVoter)
            ? Membership(changed, version: version) : Membership(membership.members, version: version)
    }

    // MARK: - The end

    /// Ends all faults, and brings everybody back.
    mutating func calm() {
        isCalm = true
        trace?.note(now, "calm")
        network.mendAll()
        network.weather = SimulatedNetwork.Weather()
        for member in members.indices {
            members[member].pausedUntil = 0
            members[member].longestSync = .milliseconds(4)
            if members[member].life > 0 { start(member) }
            for other in members.indices where other != member { reset(member, other) }
        }
    }

    /// Within bounded time the ensemble has one leader, commits what is proposed, and all its members have all of it.
    mutating func settle() {
        let limit = now + Duration.seconds(30).nanoseconds
        var target: Int?
        while violations.isEmpty {
            stepOnce()
            guard now < limit else {
                oracle.violate("the ensemble does not come together again: \(summary)")
                return
            }
            guard let leader = settledLeader() else {
                target = nil
                continue
            }
            // Something proposed in the calm has to arrive everywhere.
            let wanted = target ?? oracle.committed.count + 10
            target = wanted
            let membership = members[leader].applied.membership
            if membership.members.allSatisfy({ members[Int($0.id.number) - 1].applied.count >= wanted }) { break }
        }
    }

    /// The one that leads while nobody else does.
    private func settledLeader() -> Int? {
        var found: Int?
        for (index, member) in members.enumerated() {
            guard case .leading = member.role else { continue }
            if found != nil { return nil }
            found = index
        }
        return found
    }

    private var summary: String {
        members.filter { $0.life > 0 }.map { member in
            "\(member.id): \(member.role), \(member.disk.promise.standing), committed \(zxid: member.applied.zxid) "
                + "(\(member.applied.count)), log \(zxid: member.disk.live.last)"
        }.joined(separator: "; ") + "; \(memberships.max { $0.version < $1.version }?.inShort ?? "")"
    }
}
