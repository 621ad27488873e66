import CoordinatorKernel
import Logging
import Quorum
import Synchronization
import Transport

/// Which members are connected to this one, and who may be. From any thread.
///
/// Invariant: a member has one connection of each kind, the newest; nothing is passed on of an older one.
final class PeerArrivals: Sendable {
    struct Refusal: Error {
        /// This member's.
        var ensemble: [UInt8]
        var sentence: String
    }

    private struct Key: Hashable {
        var sender: MemberID
        var kind: PeerLinkKind
    }

    private struct State {
        var membership: Membership
        var ensemble: [UInt8]
        var connections: [Key: Connection] = [:]
        /// Where those who are connected say that they are found.
        var addresses: [MemberID: String] = [:]
        /// Refusals that have been logged, so that who tries every second fills no disk.
        var toldRefusals: Set<String> = []
        var malformedCount = 0
        var moved: @Sendable () -> Void = {}
    }

    let id: MemberID
    /// nil: members are taken at their word, or at their certificates.
    let authentication: PeerAuthentication?
    private let logger: Logger
    private let post: @Sendable (PeerEvent) -> Void
    private let state: Mutex<State>

    init(
        _ settings: EnsembleSettings, ensemble: [UInt8], logger: Logger, post: @escaping @Sendable (PeerEvent) -> Void
    ) {
        id = settings.id
        authentication = settings.authentication
        self.logger = logger
        self.post = post
        state = Mutex(State(membership: settings.membership, ensemble: ensemble))
    }

    /// Connections closed for bytes that made no sense.
    var malformedCount: Int { state.withLock { $0.malformedCount } }

    var ensemble: [UInt8] { state.withLock { $0.ensemble } }

    var membership: Membership { state.withLock { $0.membership } }

    /// On which the members are found.
    var hosts: Set<String> {
        var hosts: Set<String> = []
        for member in membership.members {
            do throws(InvalidMembership) {
                hosts.formUnion(try MemberAddress(member.address).endpoints.map(\.host))
            } catch {
                logger.error("the address of member \(member.id) is not understood: \(error)")
            }
        }
        return hosts
    }

    /// Where members that are connected say that they are found.
    var addresses: [MemberID: String] { state.withLock { $0.addresses } }

    /// `moved` is called from now on, without locks held, when who is connected from where has changed.
    func observe(_ moved: @escaping @Sendable () -> Void) { state.withLock { $0.moved = moved } }

    func update(_ membership: Membership) { state.withLock { $0.membership = membership } }

    /// The id of the ensemble is known from now on.
    func adopt(ensemble: [UInt8]) { state.withLock { $0.ensemble = ensemble } }

    func countMalformed() { state.withLock { $0.malformedCount += 1 } }

    /// Lets a member in that says hello, in place of an older connection of its.
    ///
    /// - Parameter isProven: whether it has proved before that it is a member.
    func admit(
        _ hello: PeerHello, over kind: PeerLinkKind, isProven: Bool, _ connection: Connection
    ) -> Result<PeerWelcome, Refusal> {
        let key = Key(sender: hello.sender, kind: kind)
        let (result, older): (Result<PeerWelcome, Refusal>, Connection?) = state.withLock { state in
            if let sentence = refusal(of: hello, over: kind, isProven: isProven, state.ensemble) {
                tell("refused member \(hello.sender) of \(connection.peerHost): \(sentence)", &state)
                return (.failure(Refusal(ensemble: state.ensemble, sentence: sentence)), nil)
            }
            let older = state.connections.updateValue(connection, forKey: key)
            let address = state.addresses.updateValue(hello.address, forKey: hello.sender)
            if let address, address != hello.address {
                logger.warning(
                    "member \(hello.sender) is at \(hello.address) and was at \(address): are there two of them?")
            }
            // Under the lock, so that nothing of the new connection gets ahead of it.
            if older != nil { post(.linkLost(hello.sender)) }
            if address == nil, state.membership[hello.sender] == nil {
                post(.joinerArrived(hello.sender, address: hello.address))
            }
            if state.ensemble.isEmpty, !hello.ensemble.isEmpty {
                post(.ensembleSeen(hello.ensemble, at: hello.sender))
            }
            return (.success(PeerWelcome(ensemble: state.ensemble)), older)
        }
        older?.close(.ended)
        if case .success = result { tellMoved() }
        return result
    }

    /// What speaks against a hello; nil when nothing does.
    private func refusal(
        of hello: PeerHello, over kind: PeerLinkKind, isProven: Bool, _ ensemble: [UInt8]
    ) -> String? {
        if hello.kind != kind { return "this is the \(kind), the \(hello.kind) is meant" }
        if hello.receiver != id { return "this is member \(id), member \(hello.receiver) is meant" }
        if authentication?.demandsProof == true, !isProven {
            return "member \(id) demands that members authenticate by SASL (quorum.auth.serverRequireSasl), and member "
                + "\(hello.sender) has not"
        }
        if hello.sender == id { return "member \(id) is this one: two have the same myid, or it has dialled itself" }
        guard MembershipLines.memberNumbers.contains(hello.sender.number) else {
            return "\(hello.sender) is no number of a member"
        }
        if !ensemble.isEmpty, !hello.ensemble.isEmpty, ensemble != hello.ensemble {
            return "member \(id) belongs to ensemble \(Self.text(ensemble)), "
                + "member \(hello.sender) to \(Self.text(hello.ensemble))"
        }
        return nil
    }

    /// Logs a refusal, once.
    func tell(_ line: String) { state.withLock { tell(line, &$0) } }

    private func tell(_ line: String, _ state: inout State) {
        if state.toldRefusals.count > 1000 { state.toldRefusals.removeAll() }
        if state.toldRefusals.insert(line).inserted { logger.warning("\(line)") }
    }

    static func text(_ ensemble: [UInt8]) -> String {
        ensemble.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    func received(_ messages: [PeerMessage], from sender: MemberID, over kind: PeerLinkKind, on connection: Connection)
    {
        state.withLock { state in
            guard state.connections[Key(sender: sender, kind: kind)] === connection else { return }
            post(.received(sender, messages))
        }
    }

    func ended(_ connection: Connection, of sender: MemberID, over kind: PeerLinkKind, _ reason: CloseReason) {
        let isGone = state.withLock { state in
            let key = Key(sender: sender, kind: kind)
            guard state.connections[key] === connection else { return false }
            state.connections[key] = nil
            post(.linkLost(sender))
            guard !state.connections.keys.contains(where: { $0.sender == sender }) else { return false }
            state.addresses[sender] = nil
            return true
        }
        if isGone { tellMoved() }
    }

    private func tellMoved() {
        let moved = state.withLock { $0.moved }
        moved()
    }
}
