import CoordinatorKernel
import Logging
import NIOCore
import Quorum
import Synchronization
import Transport

/// All links between this member and the others: each dials every other one twice and is dialled twice by each.
///
/// Links are one-way: only who has dialled sends. Votes and heartbeats travel to the election port, so that they never
/// wait behind entries, which travel to the quorum port. What is sent over one link arrives in order or the link ends;
/// what is sent while there is none is lost.
final class PeerLinks: Sendable {
    private struct State {
        var dialers: [MemberID: Pair] = [:]
        /// In the order in which they were opened.
        var doors: [Door] = []
        /// They accept nobody any more, and some of their connections live.
        var retired: [Listener] = []
        var isStopped = false
    }

    /// A port that other members come to.
    private struct Door {
        var place: Place
        var listener: Listener
    }

    private struct Place: Hashable {
        var host: String
        /// As it was asked for.
        var port: Int
        var kind: PeerLinkKind
    }

    private struct Pair {
        var control: PeerDialer
        var data: PeerDialer
    }

    private let id: MemberID
    private let network: PeerNetwork
    private let bindAttempts: Int
    private let post: @Sendable (PeerEvent) -> Void
    private let arrivals: PeerArrivals
    private let state = Mutex(State())

    /// Opens the ports and begins to dial.
    ///
    /// - Parameters:
    ///   - ensemble: the ensemble's id, 16 bytes; empty when it is not known yet.
    ///   - post: called on event loops, one call at a time for each sender; it must not wait.
    /// - Throws: `Listener.Failure`, `TLSFileFault`: each a sentence.
    static func start(
        _ settings: EnsembleSettings, ensemble: [UInt8], on group: any EventLoopGroup, logger: Logger,
        post: @escaping @Sendable (PeerEvent) -> Void
    ) async throws -> PeerLinks {
        let links = PeerLinks(
            settings, ensemble: ensemble, try PeerNetwork(settings, on: group, logger: logger), post: post)
        do {
            try await links.listen(at: settings.listeners)
        } catch {
            try await links.stop()
            throw error
        }
        links.dial()
        return links
    }

    private init(
        _ settings: EnsembleSettings, ensemble: [UInt8], _ network: PeerNetwork,
        post: @escaping @Sendable (PeerEvent) -> Void
    ) {
        id = settings.id
        self.network = network
        bindAttempts = settings.bindAttempts
        self.post = post
        arrivals = PeerArrivals(settings, ensemble: ensemble, logger: network.logger, post: post)
        arrivals.observe { [weak self] in self?.dial() }
    }

    /// The ports that are listened on, in the order of the settings' listeners.
    var quorumPorts: [Int] { ports(.data) }
    var electionPorts: [Int] { ports(.control) }

    private func ports(_ kind: PeerLinkKind) -> [Int] {
        state.withLock { $0.doors.filter { $0.place.kind == kind }.map(\.listener.port) }
    }

    /// Connections of other members that were closed because what they sent made no sense.
    var malformedCount: Int { arrivals.malformedCount }

    /// Sends messages in order, small ones apart. False when some are lost because a link they need is not there; what
    /// the others arrive by may still end.
    @discardableResult
    func send(_ messages: [PeerMessage], to member: MemberID) -> Bool {
        guard let pair = state.withLock({ $0.dialers[member] }) else { return messages.isEmpty }
        let small = messages.filter(\.isSmall)
        let large = small.isEmpty ? messages : messages.filter { !$0.isSmall }
        let isControlSent = small.isEmpty || pair.control.send(PeerFrame.frames(small))
        let isDataSent = large.isEmpty || pair.data.send(PeerFrame.frames(large))
        return isControlSent && isDataSent
    }

    /// The ensemble is another one: dials who is new in it, and gives up who is not in it any more.
    func update(_ membership: Membership) {
        arrivals.update(membership)
        dial()
    }

    /// The ensemble's id is known from now on; who belongs to another one is refused.
    func adopt(ensemble: [UInt8]) { arrivals.adopt(ensemble: ensemble) }

    /// Ends all links.
    func stop() async throws {
        let (pairs, listeners) = state.withLock { state in
            defer { state.dialers = [:] }
            state.isStopped = true
            return (Array(state.dialers.values), state.doors.map(\.listener) + state.retired)
        }
        for pair in pairs {
            pair.control.stop()
            pair.data.stop()
        }
        for listener in listeners { try await listener.close() }
    }

    // MARK: Being dialled

    /// Opens the ports of these endpoints that are not open yet, besides those that are. One call at a time.
    ///
    /// - Parameter isReplacing: whether a door on the same port of another address is closed for the new one.
    /// - Throws: `Listener.Failure`: doors that could not be opened are missing.
    func listen(at endpoints: [MemberAddress.Endpoint], isReplacing: Bool = false) async throws {
        for place in Self.places(endpoints) {
            let (isOpen, inTheWay) = state.withLock { state in
                (
                    state.doors.contains { $0.place == place },
                    state.doors.first { $0.place.port == place.port && place.port != 0 && $0.place != place }
                )
            }
            if isOpen { continue }
            if let inTheWay {
                guard isReplacing else { continue }
                try await retire(inTheWay)
            }
            try await open(place, attempts: bindAttempts)
        }
    }

    /// Closes all ports but those of these endpoints; who is connected stays.
    func abandonAll(but endpoints: [MemberAddress.Endpoint]) async throws {
        let kept = Set(Self.places(endpoints))
        for door in state.withLock({ $0.doors }) where !kept.contains(door.place) { try await retire(door) }
    }

    private static func places(_ endpoints: [MemberAddress.Endpoint]) -> [Place] {
        endpoints.flatMap {
            [
                Place(host: $0.host, port: $0.quorumPort, kind: .data),
                Place(host: $0.host, port: $0.electionPort, kind: .control),
            ]
        }
    }

    private func open(_ place: Place, attempts: Int) async throws {
        let listener = try await bind(
            network.listenerSettings(place.host, place.port, place.kind), place.kind, attempts: attempts)
        let isTooLate = state.withLock { state in
            state.doors.append(Door(place: place, listener: listener))
            return state.isStopped
        }
        if isTooLate { try await listener.close() }
    }

    private func retire(_ door: Door) async throws {
        state.withLock { state in
            state.doors.removeAll { $0.place == door.place }
            state.retired.removeAll { $0.connectionCount == 0 }
            state.retired.append(door.listener)
        }
        try await door.listener.retire()
    }

    private func bind(_ settings: ListenerSettings, _ kind: PeerLinkKind, attempts: Int) async throws -> Listener {
        var attempt = 1
        while true {
            do {
                return try await Listener.bind(settings, on: network.group, logger: network.logger) { [arrivals] in
                    PeerArrival(kind, arrivals, $0)
                }
            } catch let failure as Listener.Failure where attempts == 0 || attempt < attempts {
                network.logger.warning("\(failure); trying again")
                attempt += 1
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    // MARK: Dialling

    /// Makes the dialers those that the membership and who is connected ask for.
    private func dial() {
        let hello: @Sendable (PeerLinkKind, MemberID) -> PeerHello = { [id, arrivals] kind, receiver in
            PeerHello(
                kind: kind, sender: id, receiver: receiver, ensemble: arrivals.ensemble,
                address: arrivals.membership[id]?.address ?? "")
        }
        let (stopped, started): ([Pair], [Pair]) = state.withLock { state in
            guard !state.isStopped else { return ([], []) }
            let wanted = wantedEndpoints()
            let unwanted = state.dialers.filter { wanted[$0.key] == nil }
            for member in unwanted.keys { state.dialers[member] = nil }
            var started: [Pair] = []
            for (member, endpoints) in wanted {
                let control = endpoints.map { PeerDialer.Target(host: $0.host, port: $0.electionPort) }
                let data = endpoints.map { PeerDialer.Target(host: $0.host, port: $0.quorumPort) }
                if let pair = state.dialers[member] {
                    pair.control.retarget(control)
                    pair.data.retarget(data)
                } else {
                    let pair = Pair(
                        control: PeerDialer(member, .control, control, network, owner(member, .control, hello)),
                        data: PeerDialer(member, .data, data, network, owner(member, .data, hello)))
                    state.dialers[member] = pair
                    started.append(pair)
                }
            }
            return (Array(unwanted.values), started)
        }
        for pair in stopped {
            pair.control.stop()
            pair.data.stop()
        }
        for pair in started {
            pair.control.start()
            pair.data.start()
        }
    }

    private func wantedEndpoints() -> [MemberID: [MemberAddress.Endpoint]] {
        var wanted: [MemberID: [MemberAddress.Endpoint]] = [:]
        for member in arrivals.membership.members where member.id != id {
            wanted[member.id] = endpoints(member.address)
        }
        // Who is connected knows best where it is: it may be new, or have moved.
        for (member, address) in arrivals.addresses {
            for endpoint in endpoints(address) where !wanted[member, default: []].contains(endpoint) {
                wanted[member, default: []].append(endpoint)
            }
        }
        return wanted
    }

    private func endpoints(_ address: String) -> [MemberAddress.Endpoint] {
        do throws(InvalidMembership) {
            return try MemberAddress(address).endpoints
        } catch {
            network.logger.error("a member's address is not understood: \(error)")
            return []
        }
    }

    private func owner(
        _ member: MemberID, _ kind: PeerLinkKind, _ hello: @escaping @Sendable (PeerLinkKind, MemberID) -> PeerHello
    ) -> PeerDialer.Owner {
        PeerDialer.Owner(
            hello: { hello(kind, member) },
            made: { [post, arrivals] ensemble in
                if arrivals.ensemble.isEmpty, !ensemble.isEmpty { post(.ensembleSeen(ensemble, at: member)) }
                if kind == .data { post(.linkMade(member)) }
            },
            lost: { [post] in post(.linkLost(member)) })
    }
}
