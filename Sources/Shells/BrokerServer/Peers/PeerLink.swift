import BrokerKernel
import Logging
import NIOCore
import Synchronization
import Transport
import WireCoding

/// One connection to another broker, from its dialling to its end: requests in order, answers in the same order.
///
/// dialling —(connected)→ standing —(the connection's end, a late answer, ``end(_:)``)→ ended
///
/// Of each request that it took it tells once: the answer, or at its end that there is none. An ended link stays so;
/// the next one is a new link. From any thread.
final class PeerLink: ConnectionHandler, Sendable {
    private enum Phase {
        case dialling(unsent: [RecordBytes])
        case standing(Connection)
        case ended
    }

    private struct Awaited {
        var ticket: PeerTicket
        var correlationID: Int32
        var deadline: NIODeadline
    }

    private struct State {
        var phase = Phase.dialling(unsent: [])
        /// In the order of sending, which is the order of answering.
        var awaited: [Awaited] = []
        var isCheckAhead = false
    }

    private let place: String
    /// `replica.socket.timeout.ms`: an answer that takes longer does not come.
    private let patience: Duration
    private let logger: Logger
    private let tell: @Sendable ([BrokerKernel.Event]) -> Void
    private let state = Mutex(State())

    /// Begins to dial.
    /// - Parameter tell: called with what became of requests, in order; must not block.
    init(
        _ settings: ConnectSettings, patience: Duration, on group: any EventLoopGroup, logger: Logger,
        tell: @escaping @Sendable ([BrokerKernel.Event]) -> Void
    ) {
        place = "\(settings.host):\(settings.port)"
        self.patience = patience
        self.logger = logger
        self.tell = tell
        Task {
            do {
                _ = try await Connector.connect(settings, on: group, logger: logger) { connection in
                    self.stands(connection)
                    return self
                }
            } catch {
                self.end("\(error)")
            }
        }
    }

    /// Takes a request; false when the link has ended.
    func send(_ request: PeerRequest) -> Bool {
        let pieces = [RecordBytes.inMemory(Self.length(of: request.frame)), .inMemory(request.frame)]
        let (isTaken, connection): (Bool, Connection?) = state.withLock { state in
            let awaited = Awaited(
                ticket: request.ticket, correlationID: request.correlationID,
                deadline: .now() + TimeAmount(patience))
            switch state.phase {
            case .ended: return (false, nil)
            case .dialling(var unsent):
                state.phase = .ended
                unsent.append(contentsOf: pieces)
                state.phase = .dialling(unsent: unsent)
                state.awaited.append(awaited)
                return (true, nil)
            case .standing(let connection):
                state.awaited.append(awaited)
                return (true, connection)
            }
        }
        connection?.send(pieces)
        if let connection { checkLater(connection) }
        return isTaken
    }

    private static func length(of frame: ByteBuffer) -> ByteBuffer {
        ByteBuffer(integer: Int32(frame.readableBytes))
    }

    /// Gives the connection up.
    func end(_ cause: String) {
        let (connection, awaited): (Connection?, [Awaited]) = state.withLock { state in
            defer {
                state.phase = .ended
                state.awaited = []
            }
            if case .standing(let connection) = state.phase { return (connection, state.awaited) }
            return (nil, state.awaited)
        }
        connection?.close(.failed(cause))
        guard !awaited.isEmpty else { return }
        logger.info("\(awaited.count) requests to the broker at \(place) stay without an answer: \(cause)")
        tell(awaited.map { .peerFailed($0.ticket) })
    }

    /// What was taken while dialling goes out first; until then the link takes more of it.
    private func stands(_ connection: Connection) {
        while true {
            let unsent: [RecordBytes]? = state.withLock { state in
                guard case .dialling(let unsent) = state.phase else { return nil }
                state.phase = unsent.isEmpty ? .standing(connection) : .dialling(unsent: [])
                return unsent
            }
            guard let unsent else { return connection.close(.ended) }
            if unsent.isEmpty { break }
            connection.send(unsent)
        }
        checkLater(connection)
    }

    // MARK: - Late answers

    private func checkLater(_ connection: Connection) {
        let mustSchedule = state.withLock { state in
            guard !state.isCheckAhead, !state.awaited.isEmpty else { return false }
            state.isCheckAhead = true
            return true
        }
        guard mustSchedule else { return }
        connection.eventLoop.scheduleTask(in: TimeAmount(patience / 4)) { self.check(connection) }
    }

    private func check(_ connection: Connection) {
        let now = NIODeadline.now()
        let isLate = state.withLock { state in
            state.isCheckAhead = false
            return state.awaited.first.map { $0.deadline <= now } ?? false
        }
        if isLate { end("no answer within \(patience)") } else { checkLater(connection) }
    }

    // MARK: - ConnectionHandler

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        let answered: [Awaited] = state.withLock { state in
            var count = 0
            for (frame, awaited) in zip(frames, state.awaited) {
                guard frame.getInteger(at: frame.readerIndex) == awaited.correlationID else { break }
                count += 1
            }
            defer { state.awaited.removeFirst(count) }
            return Array(state.awaited.prefix(count))
        }
        tell(zip(answered, frames).map { .peerReplied($0.ticket, $1) })
        if answered.count < frames.count { connection.close(.badInput("an answer that nobody asked for")) }
    }

    func closed(_ connection: Connection, _ reason: CloseReason) { end(reason.description) }
}
