import CoordinatorKernel
import NIOCore
import Quorum
import Seams
import ZooKeeperProtocol

/// Clients that count on an ensemble of whole coordinators while its members end, are stopped, lose power, their disk or
/// the room on it, are cut off, come and go; disks are slow and fail, links break, and calendars are set. At the end
/// everything is mended.
///
/// Members speak over ordered streams (TCP, two each way), so nothing that is sent is repeated, or overtakes what was sent
/// before it on the same one. What happens to them: they are slow, each by itself, so that one overtakes the other; a cut
/// network carries nothing, in both directions or in one; a stream breaks and loses what is on it, which both ends learn at
/// different times, each before it hears of what came later. (``QuorumRun`` goes further, and repeats and reorders.)
///
/// Clients write to registers that they share, read them with and without watches and behind syncs, own ephemeral nodes,
/// and change the ensemble; when their connection ends they go to another member. What they are answered is checked by a
/// ``HistoryOracle``, which knows nothing of the ensemble, and what members have in their logs by an ``AgreementOracle``.
package struct EnsembleRun {
    enum Item {
        case told([PeerMessage], from: Int, to: Int, SimulatedNetwork.Passage)
        case linkLost(Int, life: Int, of: Int)
        case linkMade(Int, to: Int)
        case tick(Int, life: Int)
        case synced(Int, life: Int)
        case start(Int)
        case asked(client: Int, connection: UInt64, frames: [ByteBuffer])
        case left(connection: UInt64, server: Int, life: Int)
        case answered(client: Int, connection: UInt64, ByteBuffer)
        case ended(client: Int, connection: UInt64)
        case act(client: Int)
        case fault
        case roomReturns(Int)

        var isTick: Bool {
            if case .tick = self { true } else { false }
        }
    }

    static let registerCount = 3
    /// Members that are not of the ensemble at the beginning.
    static let spareCount = 2
    static let clientCount = 5

    let seed: UInt64
    let quorum = QuorumSettings()
    /// The members at the beginning.
    let founding: Membership
    var random: SeededRandom
    var agenda = Agenda<Item>()
    var network: SimulatedNetwork
    var servers: [SimulatedServer] = []
    var clients: [SimulatedClient] = []
    var oracle = HistoryOracle(registerCount: registerCount)
    var agreement: AgreementOracle
    var now: Int64 = 0
    var isCalm = false
    /// Clients finish what they have begun, and then compare.
    var isEnding = false
    var connectionCount: UInt64 = 0
    var writeCount = 0
    var trace: Trace?
    package private(set) var restartCount = 0

    /// Runs the whole. The same seed does the same in every process.
    package init(
        seed: UInt64, memberCount: Int? = nil, duration: Duration = .seconds(10), traces: Bool = false
    ) {
        self.seed = seed
        random = SeededRandom(seed: seed)
        let isSmall = random.happens(2, in: 3)
        let count = memberCount ?? (isSmall ? 3 : 5)
        let observers = random.below(2)
        founding = Membership((1...count + observers).map { Self.member($0, isVoter: $0 <= count) })
        let everybody = count + observers + Self.spareCount
        network = SimulatedNetwork(memberCount: everybody)
        agreement = AgreementOracle(memberCount: everybody)
        if traces { trace = Trace() }
        var settings = KernelSettings(sessionSecret: Array(repeating: 1, count: SessionSecret.size))
        settings.sessionTimeouts = 1000...60_000
        settings.changesPerSnapshot = random.within(20...120)
        settings.allowsReconfiguration = true
        settings.servesReadOnly = true
        settings.tree.checksACLs = false
        settings.tree.tickTimeInMilliseconds = 500
        for number in 1...everybody {
            servers.append(SimulatedServer(MemberID(Int64(number)), settings, seed: seed &+ UInt64(number)))
            servers[number - 1].clock.perMille = random.within(980...1020)
        }
        begin()
        for index in 0..<Self.clientCount {
            clients.append(SimulatedClient(index, registerCount: Self.registerCount))
            agenda.plan(.act(client: index), at: Int64(600 + index) * 1_000_000)
        }
        agenda.plan(.fault, at: 2_000_000_000)
        while violations.isEmpty, now < duration.nanoseconds { stepOnce() }
        calm()
        settle()
    }

    package var violations: [String] { agreement.violations + oracle.violations }
    package var acknowledgedCount: Int { oracle.acknowledgedCount }
    package var digest: UInt64 { oracle.digest.value &+ 31 &* agreement.digest.value }
    package var traceLines: [String] { trace?.lines ?? [] }

    static func member(_ number: Int, isVoter: Bool) -> Membership.Member {
        Membership.Member(id: MemberID(Int64(number)), isVoter: isVoter, address: "host\(number):2888:3888")
    }

    /// Starts the founding members.
    private mutating func begin() {
        let areDeclared = random.happens(1, in: 2)
        for member in founding.members {
            let server = Int(member.id.number) - 1
            agenda.plan(.start(server), at: 0)
            guard areDeclared else { continue }
            do {
                try servers[server].declareNew()
            } catch {
                oracle.violate("member \(server + 1) cannot be declared new: \(error)")
            }
        }
    }

    // MARK: - The passing of time

    mutating func stepOnce() {
        guard let (time, item) = agenda.next() else { preconditionFailure("nothing is to happen any more") }
        now = max(now, time)
        if let server = server(of: item), servers[server].pausedUntil > now {
            return agenda.plan(
                item, at: servers[server].pausedUntil + (item.isTick ? Int64(random.below(25_000_000)) : 0))
        }
        switch item {
        case .told(let messages, let sender, let receiver, let passage):
            guard network.isOpen(passage) else { return }
            step(receiver, .heard(servers[sender].id, messages))
        case .linkLost(let server, let life, let other):
            guard servers[server].life == life else { return }
            step(server, .linkLost(servers[other].id))
        case .linkMade(let server, let other): step(server, .linkMade(servers[other].id))
        case .tick(let server, let life):
            guard servers[server].life == life else { return }
            step(server, .ticked)
            lookForRoom(server)
            agenda.plan(item, at: now + 25_000_000)
        case .synced(let server, let life): sync(server, life)
        case .start(let server): start(server)
        case .asked(let client, let connection, let frames):
            guard clients[client].connection == connection else { return }
            step(clients[client].server, .received(ConnectionID(connection), frames))
        case .left(let connection, let server, let life):
            guard servers[server].life == life else { return }
            step(server, .disconnected(ConnectionID(connection)))
        case .answered(let client, let connection, let frame):
            guard clients[client].connection == connection, clients[client].phase != .away else { return }
            answered(client, frame)
        case .ended(let client, let connection):
            guard clients[client].connection == connection else { return }
            clients[client].phase = .away
        case .act(let client):
            guard !clients[client].isGone else { return }
            act(client)
            // At the end there is little to find any more.
            let pause = isEnding ? random.within(100...400) : random.within(20...150)
            agenda.plan(item, at: now + Duration.milliseconds(pause).nanoseconds)
        case .fault:
            guard !isCalm else { return }
            fault()
            agenda.plan(.fault, at: now + Duration.milliseconds(random.within(20...900)).nanoseconds)
        case .roomReturns(let server): servers[server].disk.limitCapacity(to: .max)
        }
    }

    /// Whose process has to run for this to happen.
    private func server(of item: Item) -> Int? {
        switch item {
        case .told(_, _, let server, _), .linkLost(let server, _, _), .linkMade(let server, _), .tick(let server, _),
            .synced(let server, _), .left(_, let server, _):
            server
        case .asked(let client, _, _): clients[client].server
        case .start, .answered, .ended, .act, .fault, .roomReturns: nil
        }
    }

    // MARK: - Servers

    private mutating func start(_ server: Int) {
        guard !servers[server].isRunning else { return }
        do {
            try servers[server].start(quorum, membership(for: server), seed: random.next(), at: now)
            trace?.note(now, "\(server + 1) starts")
            look(at: server)
            agenda.plan(.tick(server, life: servers[server].life), at: now + 1_000_000)
        } catch {
            guard case .disk = error else { return oracle.violate("member \(server + 1) does not start: \(error)") }
            servers[server].end(losesPower: true)
            agenda.plan(.start(server), at: now + 100_000_000)
        }
    }

    mutating func end(_ server: Int, losesPower: Bool, until restart: Duration) {
        guard servers[server].isRunning else { return }
        trace?.note(now, "\(server + 1) ends\(losesPower ? ", power and all" : "")")
        restartCount += 1
        servers[server].end(losesPower: losesPower)
        for client in clients.indices where clients[client].server == server && clients[client].phase != .away {
            agenda.plan(.ended(client: client, connection: clients[client].connection), at: now + 1_000_000)
        }
        agenda.plan(.start(server), at: now + restart.nanoseconds)
        for other in servers.indices where other != server { breakLink(server, other) }
    }

    /// What its files say: a newcomer is an observer until the ensemble says more.
    private func membership(for server: Int) -> Membership {
        let number = server + 1
        guard founding[servers[server].id] == nil else { return founding }
        return Membership(founding.members + [Self.member(number, isVoter: false)])
    }

    mutating func step(_ server: Int, _ event: CoordinatorEvent) {
        guard servers[server].isRunning else { return }
        do {
            perform(try servers[server].step(event, at: now), of: server)
            look(at: server)
        } catch {
            endByDisk(server, error)
        }
        if let failure = servers[server].failure { oracle.violate("member \(server + 1) gives up: \(failure)") }
    }

    /// Lets the oracle see what the last step has done.
    private mutating func look(at server: Int) {
        let steps = servers[server].takeLogSteps()
        for step in steps where !step.isSnapshot { agreement.member(server, step) }
        if let committed = servers[server].committedZxid { agreement.member(server, commits: committed) }
        // Taken as soon as all in them is committed.
        for step in steps where step.isSnapshot { agreement.member(server, step) }
    }

    private mutating func lookForRoom(_ server: Int) {
        guard servers[server].isRunning else { return }
        do {
            for event in try servers[server].lookForRoom() { step(server, event) }
        } catch {
            endByDisk(server, error)
        }
    }

    private mutating func sync(_ server: Int, _ life: Int) {
        guard servers[server].life == life else { return }
        servers[server].isSyncing = false
        do {
            for event in try servers[server].performJobs() { step(server, event) }
        } catch {
            endByDisk(server, error)
        }
    }

    private mutating func endByDisk(_ server: Int, _ failure: any Error) {
        trace?.note(now, "\(server + 1): \(failure)")
        switch failure as? StorageFailure {
        case .disk, .noRoom: break
        default: oracle.violate("member \(server + 1): \(failure)")
        }
        // What a failed sync has lost is still to be read until the machine starts anew, and no process can tell.
        end(server, losesPower: true, until: .milliseconds(500))
    }

    private mutating func perform(_ said: [CoordinatorEffect], of server: Int) {
        if servers[server].hasJobs, !servers[server].isSyncing {
            servers[server].isSyncing = true
            let delay = Int64(random.below(Int(servers[server].longestSync.nanoseconds)))
            agenda.plan(.synced(server, life: servers[server].life), at: now + delay)
        }
        for effect in said {
            switch effect {
            case .tell(let member, let message): tell(message, from: server, to: Int(member.number) - 1)
            case .send(let id, let frame):
                plan(id, from: server) { .answered(client: $0, connection: id.number, frame) }
            case .close(let id): plan(id, from: server) { .ended(client: $0, connection: id.number) }
            case .reject(let id, let cause):
                // Of a member that is behind what the client has seen; all else would make no sense.
                if !cause.contains("newer than all here") {
                    oracle.violate("connection \(id.number) is rejected: \(cause)")
                }
                plan(id, from: server) { .ended(client: $0, connection: id.number) }
            case .report(let news): trace?.note(now, "    \(server + 1): \(news)")
            default: break
            }
        }
    }

    private mutating func tell(_ message: PeerMessage, from sender: Int, to receiver: Int) {
        if case .quorum(let message) = message {
            trace?.note(now, "    \(sender + 1) → \(message.inShort) to \(receiver + 1)")
        }
        let (passage, outcome) = network.send(
            from: sender, to: receiver, isSmall: message.isSmall, at: now, &random)
        if case .arriving(let time, _) = outcome {
            agenda.plan(.told([message], from: sender, to: receiver, passage), at: time)
        }
    }

    /// Lets something happen to the client behind a connection; in the order of planning.
    private mutating func plan(_ id: ConnectionID, from server: Int, _ item: (Int) -> Item) {
        guard let client = clients.firstIndex(where: { $0.connection == id.number && $0.server == server }) else {
            return
        }
        agenda.plan(item(client), at: now + 300_000)
    }
}
