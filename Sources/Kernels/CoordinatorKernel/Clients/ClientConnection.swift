import NIOCore
import ZooKeeperProtocol

/// One client's connection as the kernel sees it.
///
/// connecting —(its first frame)→ serving a session —(the session moved, ended, or nonsense came)→ ending
/// Between the first two a follower waits for its leader, opening.
struct ClientConnection: Sendable {
    enum Phase: Sendable {
        case connecting
        case opening(ConnectRequest)
        case serving(session: Int64)
        /// Nothing that still comes counts.
        case ending

        var isEnding: Bool {
            if case .ending = self { true } else { false }
        }
    }

    /// What waits in line behind a request that somebody else answers.
    enum Queued: Sendable {
        case awaited(_ ticket: UInt64, Asked)
        case frame(ByteBuffer, changesIdentities: Bool)
    }

    /// With port.
    let address: String
    var phase = Phase.connecting
    /// Oldest first; begins with what is awaited, unless it is empty.
    private(set) var queue = CircularBuffer<Queued>()
    /// Requests in line that change whom the client has shown to be.
    private(set) var waitingIdentities = 0
    /// Whom the client has shown to be, in the order in which it did.
    var identities: [ZooKeeperID]
    /// While it is being looked at, nothing that comes behind it is served.
    var pendingToken: PendingSASLToken?
    var timeoutInMilliseconds: Int32 = 0

    /// - Parameters:
    ///   - host: the address without port; every client is at least somebody from there.
    ///   - subject: of a verified certificate.
    init(address: String, host: String, subject: String?, superSubject: String?) {
        self.address = address
        identities = [ZooKeeperID(scheme: "ip", id: host)]
        guard let subject else { return }
        identities.append(ZooKeeperID(scheme: "x509", id: subject))
        if subject == superSubject { identities.append(ZooKeeperID(scheme: "super", id: subject)) }
    }

    var session: Int64? {
        if case .serving(let session) = phase { session } else { nil }
    }

    /// Whether the session's end has been asked for.
    var isClosing: Bool {
        queue.contains { if case .awaited(_, let asked) = $0 { asked.opCode == .closeSession } else { false } }
    }

    /// - Parameter first: whether the request was in line already, and is the next.
    mutating func getInLine(_ request: Queued, first: Bool = false) {
        if first { queue.prepend(request) } else { queue.append(request) }
        if case .frame(_, changesIdentities: true) = request { waitingIdentities += 1 }
    }

    mutating func advanceLine() {
        if case .frame(_, changesIdentities: true) = queue.removeFirst() { waitingIdentities -= 1 }
    }

    mutating func dropLine() {
        queue.removeAll()
        waitingIdentities = 0
    }

    /// Adds an identity unless it is there.
    mutating func prove(_ identity: ZooKeeperID) {
        if !identities.contains(identity) { identities.append(identity) }
    }

    /// The identities as `whoAmI` shows them: no hashes.
    var shownIdentities: [ZooKeeperID] {
        identities.map { identity in
            guard identity.scheme == DigestIdentity.scheme, let colon = identity.id.firstIndex(of: ":") else {
                return identity
            }
            return ZooKeeperID(scheme: identity.scheme, id: String(identity.id[..<colon]))
        }
    }
}
