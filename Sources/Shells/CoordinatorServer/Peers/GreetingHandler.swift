import NIOCore
import Transport
import WireCoding

/// A dialled connection: proves who this member is if it is told to, sends the hello, awaits the answer, and then only
/// notices the end.
///
/// proving (with credentials) —(accepted)→ greeting —(welcomed)→ standing
final class GreetingHandler: ConnectionHandler {
    private enum Phase {
        /// `isDone`: this side has nothing to prove any more, and believes the other.
        case proving(SASLMechanism, SASLSteps<SASLClientExchange>, isDone: Bool)
        case greeting
        case standing
        case refused
    }

    private let dialer: PeerDialer
    private let attempt: Int
    private var phase = Phase.greeting
    private var refusal: String?
    private var patience: Scheduled<Void>?
    private var pulse: PeerPulse?

    /// - Parameter host: as it was dialled.
    init(_ dialer: PeerDialer, _ attempt: Int, to host: String, _ connection: Connection) {
        self.dialer = dialer
        self.attempt = attempt
        guard dialer.connected(attempt, connection) else {
            connection.close(.ended)
            return
        }
        patience = connection.eventLoop.scheduleTask(in: .seconds(2)) {
            connection.close(.failed("the member does not answer a hello"))
        }
        if let (mechanism, steps) = dialer.proof(to: host) {
            phase = .proving(mechanism, steps, isDone: false)
            step([], isAccepted: false, on: connection)
        } else {
            connection.send(dialer.hello.frame)
        }
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        pulse?.heard()
        for frame in frames {
            do {
                switch phase {
                case .proving: try receive(try PeerProofAnswer(frame), on: connection)
                case .greeting: receive(try PeerWelcome(frame), on: connection)
                case .standing where frame.readableBytes == 0: continue
                case .standing, .refused:
                    return connection.close(.badInput("a member that was dialled sent more than its answer"))
                }
            } catch {
                return connection.close(.badInput("no answer to a hello: \(error)"))
            }
        }
    }

    private func receive(_ welcome: PeerWelcome, on connection: Connection) {
        patience?.cancel()
        if let refusal = welcome.refusal { return beRefused(refusal, on: connection) }
        phase = .standing
        pulse = PeerPulse(connection)
        dialer.welcomed(attempt, welcome)
    }

    private func beRefused(_ refusal: String, on connection: Connection) {
        phase = .refused
        self.refusal = refusal
        connection.close(.ended)
    }

    // MARK: Proving

    private func receive(_ answer: PeerProofAnswer, on connection: Connection) throws(MalformedInput) {
        guard case .proving(_, _, let isDone) = phase else { return }
        switch answer {
        case .refused(let sentence): beRefused(sentence, on: connection)
        case .accepted where isDone: greet(on: connection)
        case .accepted(let token): step(token, isAccepted: true, on: connection)
        case .challenge where isDone:
            throw MalformedInput(.custom("a challenge after the end of the exchange"), at: 0)
        case .challenge(let token): step(token, isAccepted: false, on: connection)
        }
    }

    private func step(_ token: [UInt8], isAccepted: Bool, on connection: Connection) {
        guard case .proving(let mechanism, let steps, _) = phase else { return }
        steps.take(token, on: connection.eventLoop) { [self] outcome in
            switch outcome {
            case .success(.done) where isAccepted: greet(on: connection)
            case .success(.challenge(let token)) where !isAccepted:
                connection.send(PeerProof(mechanism, token).frame)
            case .success(.done(let last)):
                phase = .proving(mechanism, steps, isDone: true)
                connection.send(PeerProof(mechanism, last ?? []).frame)
            case .success(.challenge):
                connection.close(.failed("the member accepts a proof without having proved itself"))
            case .failure(let failure): connection.close(.failed(failure.description))
            }
        }
    }

    private func greet(on connection: Connection) {
        phase = .greeting
        connection.send(dialer.hello.frame)
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        patience?.cancel()
        pulse?.stop()
        dialer.ended(attempt, refusal ?? reason.description)
    }
}
