import CoordinatorKernel
import NIOCore
import Quorum
import Transport
import WireCoding

/// A connection that another member has dialled: checks its proof and its hello, answers them, and passes on what it sends.
final class PeerArrival: ConnectionHandler {
    private static let patience = TimeAmount.seconds(5)
    /// The first frame is a hello or a token of SASL; nobody makes room for more before it is known who sends.
    private static let largestFirstFrame = 1 << 17

    private let kind: PeerLinkKind
    private let arrivals: PeerArrivals
    private var sender: MemberID?
    private var isOver = false
    /// While who has dialled proves who it is, and after that.
    private var steps: SASLSteps<SASLServerExchange>?
    private var isStepping = false
    private var isProven = false
    private var patience: Scheduled<Void>?
    private var pulse: PeerPulse?

    init(_ kind: PeerLinkKind, _ arrivals: PeerArrivals, _ connection: Connection) {
        self.kind = kind
        self.arrivals = arrivals
        patience = connection.eventLoop.scheduleTask(in: Self.patience) {
            connection.close(.badInput("no hello of a member"))
        }
    }

    func takesOver(firstFourBytes: UInt32, on connection: Connection) -> Bool {
        // Its elections begin with a negative protocol version, which would be a frame's length here.
        if kind == .control, firstFourBytes == .max {
            connection.close(.badInput("a member of an Apache ZooKeeper ensemble; both kinds cannot be members of one"))
        } else if firstFourBytes > Self.largestFirstFrame {
            connection.close(.badInput("no hello of a member: \(firstFourBytes) bytes"))
        } else {
            return false
        }
        isOver = true
        return true
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        pulse?.heard()
        var messages: [PeerMessage] = []
        for frame in frames where !isOver {
            do {
                if sender != nil {
                    messages += try PeerFrame.messages(in: compact(frame))
                } else if PeerProof.begins(frame) {
                    try check(try PeerProof(frame), on: connection)
                } else {
                    greet(try PeerHello(frame), on: connection)
                }
            } catch {
                isOver = true
                refuse("\(error)", on: connection)
            }
        }
        if let sender, !messages.isEmpty { arrivals.received(messages, from: sender, over: kind, on: connection) }
    }

    /// Entries live on in memory; a frame that is a small part of what was read at once does not keep all of that.
    private func compact(_ frame: ByteBuffer) -> ByteBuffer {
        frame.storageCapacity > 2 * frame.readableBytes ? ByteBuffer(bytes: frame.readableBytesView) : frame
    }

    private func check(_ proof: PeerProof, on connection: Connection) throws(MalformedInput) {
        guard !isStepping, !isProven else { throw MalformedInput(.custom("a proof out of turn"), at: 0) }
        guard let steps = steps ?? arrivals.authentication?.check(of: proof.mechanism) else {
            let sentence = "member \(arrivals.id) does not authenticate by \(proof.mechanism.rawValue) (quorum.auth.*)"
            return refuse(sentence, because: sentence, on: connection)
        }
        self.steps = steps
        isStepping = true
        steps.take(proof.token, on: connection.eventLoop) { [self] outcome in
            isStepping = false
            switch outcome {
            case .success(.challenge(let token)): connection.send(PeerProofAnswer.challenge(token).frame)
            case .success(.done(let last)): accept(steps.user ?? "", by: proof.mechanism, last ?? [], on: connection)
            case .failure(let failure):
                refuse(
                    "member \(arrivals.id) does not accept this member's proof", because: "\(failure)", on: connection)
            }
        }
    }

    private func accept(_ user: String, by mechanism: SASLMechanism, _ last: [UInt8], on connection: Connection) {
        guard PeerAuthentication.isMember(user, by: mechanism, hosts: arrivals.hosts) else {
            let sentence = "\(user) is not named after the host of a member"
            return refuse(sentence, because: sentence, on: connection)
        }
        isProven = true
        connection.send(PeerProofAnswer.accepted(lastToken: last).frame)
    }

    /// Who has dialled is told less than the log.
    private func refuse(_ sentence: String, because cause: String, on connection: Connection) {
        isOver = true
        arrivals.tell("refused who has dialled from \(connection.peerHost): \(cause)")
        connection.send(PeerProofAnswer.refused(sentence).frame)
        connection.close(.ended)
    }

    private func greet(_ hello: PeerHello, on connection: Connection) {
        patience?.cancel()
        switch arrivals.admit(hello, over: kind, isProven: isProven, connection) {
        case .success(let welcome):
            sender = hello.sender
            connection.allowFrames(ofBytes: PeerNetwork.largestFrameInBytes)
            connection.send(welcome.frame)
            pulse = PeerPulse(connection)
        case .failure(let refusal):
            isOver = true
            connection.send(PeerWelcome(ensemble: refusal.ensemble, refusal: refusal.sentence).frame)
            connection.close(.ended)
        }
    }

    /// Bytes that make no sense. Who sent them as a hello is told, for it may be a member of another version.
    private func refuse(_ cause: String, on connection: Connection) {
        if sender == nil {
            let sentence = "the hello is not understood: \(cause); protocol version \(PeerHello.version) is spoken here"
            connection.send(PeerWelcome(ensemble: [], refusal: sentence).frame)
        }
        arrivals.countMalformed()
        connection.close(.badInput("from \(sender.map { "member \($0)" } ?? "no member"): \(cause)"))
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        patience?.cancel()
        pulse?.stop()
        if let sender { arrivals.ended(connection, of: sender, over: kind, reason) }
    }
}
