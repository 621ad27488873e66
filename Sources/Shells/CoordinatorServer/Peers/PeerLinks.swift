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
        var listeners: [Listener] = []
        var isStopped = false
    }

    private struct Pair {
        var control: PeerDialer
        var data: PeerDialer
    }

    private let id: MemberID
    private let network: PeerNetwork
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
            try await links.listen(settings)
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
        self.post = post
        arrivals = PeerArrivals(settings, ensemble: ensemble, logger: network.logger, post: post)
        arrivals.observe { [weak self] in self?.dial() }
    }

    /// The ports that are listened on, in the order of the settings' listeners.
    var quorumPorts: [Int] { ports(.data) }
    var electionPorts: [Int] { ports(.control) }

    private func ports(_ kind: PeerLinkKind) -> [Int] {
        state.withLock { $0.listeners.filter { $0.name == "\(kind)" }.map(\.port) }
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
            return (Array(state.dialers.values), state.listeners)
        }
        for pair in pairs {
            pair.control.stop()
            pair.data.stop()
        }
        for listener in listeners { try await listener.close() }
    }

    // MARK: Being dialled

    private func listen(_ settings: EnsembleSettings) async throws {
        for endpoint in settings.listeners {
            for (kind, port) in [(PeerLinkKind.data, endpoint.quorumPort), (.control, endpoint.electionPort)] {
                let listener = try await bind(
                    network.listenerSettings(endpoint.host, port, kind), kind, attempts: settings.bindAttempts)
                state.withLock { $0.listeners.append(listener) }
            }
        }
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
