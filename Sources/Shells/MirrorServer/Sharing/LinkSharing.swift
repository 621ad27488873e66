import ClusterModel
import KafkaProtocol
import Logging
import MartletClient
import Mirroring
import Synchronization

/// Shares the work of one link with other processes that have the same configuration: they are members of one group at
/// the target, one of them divides the partitions by load, and each writes only while the group can have given its part to
/// nobody else.
///
/// Where the target takes every record only at its place, in exact mirroring, a process that cannot speak with the group
/// goes on alone after a while: better done twice than not at all.
final class LinkSharing: Sendable {
    /// How long one stays without the group before it goes on alone, where that is sound.
    private static let patience = Duration.seconds(10)
    private static let applyInterval = Duration.milliseconds(250)
    /// Who finds that more time has passed since it last looked was stopped meanwhile, and has heard of nobody for that.
    private static let longestStandstill = Duration.seconds(3)
    private static let drainLimit = Duration.seconds(1)
    private static let reviewInterval = Duration.seconds(5)
    private static let longestPause = Duration.seconds(1)
    /// What a load has to differ by before all divide anew: parts of what each carries, and bytes a second.
    private static let drift = 0.25
    private static let leastDrift = 100_000.0
    /// Tried in order when the target does not allow a shorter session.
    private static let longerSessions: [Duration] = [.seconds(6), .seconds(10), .seconds(30), .seconds(60)]

    /// What is done about partitions before they are brought here and when they are not any more.
    struct Course: Sendable {
        var gain: @Sendable () async throws -> Void = {}
        var letGo: @Sendable () async throws -> Void = {}
        /// A number under which all processes begin partitions; nil where none is needed.
        var newProducerID: (@Sendable () async throws -> ProducerID)?
    }

    private struct State {
        var membership: Membership
        var seat: MemberSeat
        var isAlone = false
        /// What the table was told to bring; nil before it was told anything, and inside for all there is.
        var applied: Set<TopicPartition>??
        /// When the group was last heard of, or this began, or went on after it had been stopped.
        var lastWordAt = ContinuousClock.now
        var tickedAt = ContinuousClock.now
        var meter = LoadMeter()
        /// What was last told of the load here, and when.
        var told: (weight: Int64, at: ContinuousClock.Instant)?
        var reports: Int32 = 0
        var producerID: ProducerID = -1
        /// Under which generation topics were last looked at, and whether as who makes them.
        var looked: (generation: Int32, withDuties: Bool)?
        /// As who divides: what was divided last, among whom, and what all weighed.
        var divided: (partitions: Set<TopicPartition>, members: Set<String>)?
        var weights: [TopicPartition: Int64] = [:]
        var intended: [TopicPartition: String] = [:]
    }

    /// How it stands, for monitoring.
    struct Standing: Sendable {
        var members: Int32
        var generation: Int32
        var ownedCount: Int
        var hasDuties: Bool
        var seat: String
    }

    let lease = WriteLease()
    private let link: String
    /// nil when nothing is shared.
    private let group: LinkGroup?
    private let mayStandAlone: Bool
    private let target: KafkaClient
    private let health: LinkHealth
    private let logger: Logger
    private let state: Mutex<State>
    private let bell = Bell()
    private let news = Bells()

    init(_ settings: LinkSettings, _ clients: LinkClients, seat: MemberSeat, health: LinkHealth, logger: Logger) {
        link = settings.name
        group = clients.sharing.map { LinkGroup(link: settings.name, joining: $0.joining, living: $0.living) }
        mayStandAlone = settings.mode != .compatible
        target = clients.target
        self.health = health
        self.logger = logger
        let life = Int64.random(in: 0 ... .max)
        state = Mutex(
            State(membership: Membership(life: life, session: settings.sessionTimeout ?? .seconds(2)), seat: seat))
    }

    // MARK: What others ask

    /// Whether this process does what is done once for the link.
    var hasDuties: Bool {
        let isTheirs = state.withLock { !$0.isAlone && !($0.membership.share?.hasDuties ?? false) }
        return group == nil || !isTheirs && lease.isHeld
    }

    /// Under which partitions are begun at the target; -1 when none was agreed on.
    var producerID: ProducerID { state.withLock { $0.membership.share?.producerID ?? -1 } }

    /// Waits until it is known what is to be done here.
    func settled() async {
        let bell = news.add()
        while !Task.isCancelled, !isSettled { await bell.wait(atMost: Self.applyInterval) }
    }

    private var isSettled: Bool { state.withLock { $0.isAlone || $0.membership.isInside } }

    /// Whether topics are to be looked at before it is time: there is something to be done here that is not known yet.
    func wantsLook(_ table: any SharedTable) -> Bool {
        guard group != nil else { return false }
        let known = table.known
        return state.withLock { state in
            guard let share = state.membership.share, let looked = state.looked else { return false }
            guard looked.generation != state.membership.generation else { return false }
            return share.hasDuties && !looked.withDuties || !known.isSuperset(of: share.partitions.keys)
        }
    }

    /// Topics were looked at.
    func looked(withDuties: Bool, _ table: any SharedTable) {
        state.withLock { $0.looked = ($0.membership.generation, withDuties) }
        divideAnewIfGrown(table)
    }

    private func divideAnewIfGrown(_ table: any SharedTable) {
        let known = table.known
        let hasGrown = state.withLock { state in
            guard let divided = state.divided, !divided.partitions.isSuperset(of: known) else { return false }
            state.membership.joinAgain()
            return true
        }
        if hasGrown { bell.ring() }
    }

    var standing: Standing? {
        guard group != nil else { return nil }
        let (membership, isAlone, seat) = state.withLock { ($0.membership, $0.isAlone, $0.seat.name) }
        return Standing(
            members: isAlone ? 1 : membership.share?.members ?? 0, generation: membership.generation,
            ownedCount: membership.owned.count, hasDuties: hasDuties, seat: seat)
    }

    // MARK: Work

    /// Works until it is cancelled. ``leave()`` then gives up what is left.
    func run(_ table: any SharedTable, _ course: Course = Course()) async {
        guard let group else {
            guard await Attempts(health: health).untilDone("positions", course.gain) != nil else { return }
            table.own(nil)
            state.withLock { $0.isAlone = true }
            return news.ring()
        }
        own([], table)
        lease.end()
        await standAloneWhereNobodyWas()
        await apply(table, course)
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.tick() }
            tasks.addTask { await self.keepAlive(group) }
            tasks.addTask { await self.review(table) }
            tasks.addTask { await self.keepJoining(group, table, course) }
        }
    }

    /// Leaves the group, so that others go on at once.
    func leave() async {
        guard let group else { return }
        lease.end()
        let (memberID, seat) = state.withLock { ($0.membership.memberID, $0.seat.name) }
        guard !memberID.isEmpty else { return }
        // Also when the link is cancelled.
        await Task { [logger, link] in
            do {
                try await group.leave(memberID, seat: seat)
            } catch {
                logger.info("\(link): its group was not left: \(error)")
            }
        }.value
    }

    /// Where no group ever was nobody can be a member, and making the first takes a target its time.
    private func standAloneWhereNobodyWas() async {
        guard mayStandAlone else { return }
        do {
            guard try await Administrator(target).topics([InternalTopic.ofGroups]).isEmpty else { return }
        } catch {
            logger.debug("\(link): \(error)")
            return
        }
        standAlone()
    }

    private func standAlone() {
        guard mayStandAlone, !state.withLock({ $0.isAlone }) else { return }
        state.withLock { $0.isAlone = true }
        news.ring()
        bell.ring()
    }

    // MARK: Staying alive

    private func tick() async {
        repeat {
            state.withLock { state in
                let now = ContinuousClock.now
                if now - state.tickedAt > Self.longestStandstill { state.lastWordAt = now }
                state.tickedAt = now
            }
        } while await Attempts.pause(Self.applyInterval)
    }

    /// Whether the group has been silent for long although this process has listened.
    private func isForsaken(at now: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            now - state.lastWordAt > Self.patience && now - state.tickedAt <= Self.longestStandstill
        }
    }

    private func keepAlive(_ group: LinkGroup) async {
        repeat {
            let (membership, seat) = state.withLock { ($0.membership, $0.seat.name) }
            guard !membership.memberID.isEmpty else { continue }
            let sentAt = ContinuousClock.now
            do {
                let word = try await group.beat(
                    membership.memberID, generation: membership.generation, seat: seat, timeout: membership.session)
                heard(word, generation: membership.generation, sentAt: sentAt)
            } catch {
                if !Task.isCancelled { health.failed("sharing", "\(error)") }
            }
        } while await Attempts.pause(state.withLock { $0.membership.session } / 7)
    }

    private func heard(_ word: Membership.Word, generation: Int32, sentAt moment: ContinuousClock.Instant) {
        let (end, wasInside, needsCare) = state.withLock { state in
            let wasInside = state.membership.isInside
            state.membership.answered(word, generation: generation, sentAt: moment)
            state.lastWordAt = .now
            // Two have been given one name: there is peace when they have two.
            if word == .replaced, wasInside, !state.membership.isInside { state.seat = state.seat.another() }
            if state.membership.isInside { state.isAlone = false }
            return (state.membership.leaseEnd, wasInside, state.membership.wantsToJoin)
        }
        if let end { lease.extend(to: end) } else if wasInside { lease.end() }
        if needsCare { bell.ring() } else { health.recovered("sharing") }
    }

    // MARK: Joining

    private func keepJoining(_ group: LinkGroup, _ table: any SharedTable, _ course: Course) async {
        var pause = Attempts.firstPause
        while !Task.isCancelled {
            if state.withLock({ $0.membership.wantsToJoin }) {
                do {
                    try await join(group, table, course)
                    health.recovered("sharing")
                    pause = Attempts.firstPause
                } catch {
                    guard !Task.isCancelled else { return }
                    failed(error)
                    await bell.wait(atMost: pause)
                    pause = min(pause * 2, Self.longestPause)
                }
            } else {
                await bell.wait(atMost: Self.applyInterval)
            }
            await apply(table, course)
        }
    }

    private func failed(_ error: any Error) {
        let code = (error as? ClientFault)?.code
        let isTooShort = code == .invalidSessionTimeout
        let isOvertaken = code == .rebalanceInProgress
        state.withLock { state in
            state.membership.failedToJoin(code.map { Membership.Word($0) } ?? .other)
            if isTooShort, let longer = Self.longerSessions.first(where: { $0 > state.membership.session }) {
                state.membership.session = longer
            }
            if code == .fencedInstanceId { state.seat = state.seat.another() }
        }
        if isTooShort {
            logger.info(
                "\(link): the target allows no shorter session of processes that share the link; trying a longer one")
        } else if !isOvertaken {
            health.failed("sharing", "\(error)")
        }
        if code == .groupAuthorizationFailed { standAlone() }
    }

    private func join(_ group: LinkGroup, _ table: any SharedTable, _ course: Course) async throws {
        let sentAt = ContinuousClock.now
        let known = table.known
        let (membership, seat, report) = state.withLock { state in
            state.reports += 1
            let claims = state.isAlone ? known.union(state.membership.claims) : state.membership.claims
            state.membership.beginsToJoin(claiming: claims)
            let measured = state.meter.weights
            let owned = state.membership.owned
            let report = MemberReport(
                life: state.membership.life, number: state.reports,
                claims: Dictionary(
                    uniqueKeysWithValues: claims.map { ($0, measured[$0] ?? owned[$0] ?? PartitionWeights.least) }),
                producerID: state.producerID)
            state.told = (report.claims.values.reduce(0, +), .now)
            return (state.membership, state.seat.name, report)
        }
        let joined = try await group.join(membership.memberID, seat: seat, session: membership.session, report)
        state.withLock { $0.membership.joined(joined.memberID, generation: joined.generation) }
        let shares = try await divide(joined, table.known, course)
        let share =
            try await group.sync(joined, seat: seat, session: membership.session, shares)
            ?? WorkShare(life: membership.life)
        state.withLock { state in
            state.membership.synced(share, sentAt: sentAt)
            state.lastWordAt = .now
            state.isAlone = false
            if share.producerID >= 0 { state.producerID = share.producerID }
            if joined.reports == nil { state.divided = nil }
        }
        news.ring()
        logger.debug(
            "\(link): shares its work",
            metadata: [
                "members": "\(share.members)", "generation": "\(joined.generation)",
                "partitions": "\(share.partitions.count)", "duties": "\(share.hasDuties)",
            ])
    }

    /// What each is to do, by member ids; nothing when it is not this one that divides.
    private func divide(
        _ joined: LinkGroup.Joined, _ known: Set<TopicPartition>, _ course: Course
    ) async throws -> [String: WorkShare] {
        guard let reports = joined.reports else { return [:] }
        let members = Set(reports.keys)
        let partitions = known.union(reports.values.flatMap(\.claims.keys))
        let (weights, intended, isSame, ownID) = state.withLock {
            ($0.weights, $0.intended, $0.divided?.members == members, $0.producerID)
        }
        let division = WorkDivision(
            of: partitions, among: reports.map { WorkDivision.Member($0.key, claims: $0.value.claims) }, known: weights,
            intended: intended, evensOut: isSame && intended.isEmpty)
        // The one that most have begun with stays.
        var producerID = reports.sorted { $0.key < $1.key }.map(\.value.producerID).first { $0 >= 0 } ?? ownID
        if producerID < 0, let newProducerID = course.newProducerID { producerID = try await newProducerID() }
        state.withLock { state in
            state.divided = (known, members)
            state.weights = division.weights
            state.intended = division.intended
        }
        return division.shares.reduce(into: [:]) { shares, one in
            guard let report = reports[one.key] else { return }
            shares[one.key] = WorkShare(
                life: report.life, partitions: one.value, hasDuties: one.key == joined.memberID,
                members: Int32(members.count), meanWeight: division.meanWeight, producerID: producerID)
        }
    }

    // MARK: What follows from it

    private func own(_ partitions: Set<TopicPartition>?, _ table: any SharedTable) {
        let isNew = state.withLock { state in
            defer { state.applied = .some(partitions) }
            return state.applied != .some(partitions)
        }
        if isNew { table.own(partitions) }
    }

    /// Lets the table bring what it is to bring now.
    private func apply(_ table: any SharedTable, _ course: Course) async {
        let now = ContinuousClock.now
        if isForsaken(at: now) { standAlone() }
        let (membership, isAlone) = state.withLock { ($0.membership, $0.isAlone) }
        if isAlone {
            lease.begin(until: nil)
            return own(nil, table)
        }
        guard let end = membership.leaseEnd, end > now else {
            lease.end()
            return own([], table)
        }
        lease.extend(to: end)
        if !lease.isHeld {
            // What was read before somebody else may have written in between is read again.
            own([], table)
            lease.begin(until: end)
        }
        if !membership.releasing.isEmpty { await letGo(membership.releasing, table, course) }
        let owned = Set(membership.owned.keys)
        do {
            let before = state.withLock { $0.applied ?? [] } ?? []
            if !owned.isSubset(of: before) { try await course.gain() }
            own(owned, table)
        } catch {
            if !Task.isCancelled { health.failed("sharing", "\(error)") }
        }
    }

    private func letGo(_ partitions: Set<TopicPartition>, _ table: any SharedTable, _ course: Course) async {
        table.retire(partitions)
        let deadline = ContinuousClock.now + Self.drainLimit
        while !table.isQuiet(partitions), ContinuousClock.now < deadline, await Attempts.pause(.milliseconds(5)) {}
        do {
            try await course.letGo()
        } catch {
            if !Task.isCancelled { health.failed("sharing", "\(error)") }
        }
        state.withLock { $0.membership.released(partitions) }
    }

    // MARK: Loads

    /// Measures what is carried here, and tells the group when it is not as it was told.
    private func review(_ table: any SharedTable) async {
        while await Attempts.pause(Self.reviewInterval) {
            let readings = table.readings()
            let now = ContinuousClock.now
            let hasDrifted = state.withLock { state in
                state.meter.look(readings, said: state.membership.owned, at: now)
                guard let share = state.membership.share, share.members > 1, let told = state.told,
                    now - told.at >= Self.reviewInterval
                else { return false }
                let load = Double(state.meter.weights.values.reduce(0, +))
                let change = abs(load - Double(told.weight))
                guard change > max(Self.leastDrift, Double(share.meanWeight) * Self.drift) else { return false }
                state.membership.joinAgain()
                return true
            }
            if hasDrifted { bell.ring() }
            divideAnewIfGrown(table)
        }
    }
}
