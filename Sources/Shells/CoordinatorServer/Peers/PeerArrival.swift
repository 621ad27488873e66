import CoordinatorKernel
import NIOCore
import Quorum
import Transport
import WireCoding

/// A connection that another member has dialled: checks its hello, answers it, and passes on what it sends.
final class PeerArrival: ConnectionHandler {
    private static let patience = TimeAmount.seconds(5)

    private let kind: PeerLinkKind
    private let arrivals: PeerArrivals
    private var sender: MemberID?
    private var isOver = false
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
        guard kind == .control, firstFourBytes == .max else { return false }
        isOver = true
        connection.close(.badInput("a member of an Apache ZooKeeper ensemble; both kinds cannot be members of one"))
        return true
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        pulse?.heard()
        var messages: [PeerMessage] = []
        for frame in frames where !isOver {
            do {
                if sender == nil {
                    greet(try PeerHello(frame), on: connection)
                } else {
                    messages += try PeerFrame.messages(in: compact(frame))
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

    private func greet(_ hello: PeerHello, on connection: Connection) {
        patience?.cancel()
        switch arrivals.admit(hello, over: kind, connection) {
        case .success(let welcome):
            sender = hello.sender
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
