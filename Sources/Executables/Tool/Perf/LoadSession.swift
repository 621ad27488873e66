import Logging
import NIOCore
import Transport
import WireCoding
import ZooKeeperProtocol

/// Why a load came to no end.
enum LoadFailure: Error, CustomStringConvertible {
    case refused(ZooKeeperError)
    case sessionRefused
    case connectionEnded(CloseReason)

    var description: String {
        switch self {
        case .refused(let error): "the coordinator answers with \(error)"
        case .sessionRefused: "the coordinator refuses a session"
        case .connectionEnded(let reason): "the connection ended: \(reason)"
        }
    }
}

/// A coordinator's session that keeps many requests on their way and takes the time of each, at as little cost as can
/// be to the machine that both ends share.
struct LoadSession: Sendable {
    /// Who asks for less is not thrown out when the machine is busy.
    private static let timeoutInMilliseconds: Int32 = 60_000

    private let connection: Connection
    private let handler: NIOLoopBound<LoadSessionHandler>

    /// Returns when the session has been granted.
    static func open(
        _ settings: ConnectSettings, on group: any EventLoopGroup, logger: Logger
    ) async throws -> LoadSession {
        let granted = group.any().makePromise(of: NIOLoopBound<LoadSessionHandler>.self)
        let connection: Connection
        do {
            connection = try await Connector.connect(settings, on: group, logger: logger) { connection in
                LoadSessionHandler(granted, on: connection)
            }
        } catch {
            granted.fail(error)
            throw error
        }
        var request = ConnectRequest(timeout: timeoutInMilliseconds)
        request.password = ByteBuffer(repeating: 0, count: 16)
        var writer = WireWriter()
        writer.int32(0)
        request.write(to: &writer)
        connection.send(writer.framedPieces())
        return LoadSession(connection: connection, handler: try await granted.futureResult.get())
    }

    /// Asks the requests of these numbers, so many at a time; how long each took. Fails when one is refused.
    func perform(
        _ numbers: Range<Int>, outstanding: Int, _ request: @escaping @Sendable (Int) -> ZooKeeperRequest
    ) -> EventLoopFuture<LatencyRecord> {
        let done = connection.eventLoop.makePromise(of: LatencyRecord.self)
        connection.eventLoop.execute {
            handler.value.begin(
                LoadSessionHandler.Load(waiting: numbers, outstanding: outstanding, request: request, done: done))
        }
        return done.futureResult
    }

    /// When the next watch event has come. To be asked for before it can come.
    func nextEvent() -> EventLoopFuture<NIODeadline> {
        connection.eventLoop.flatSubmit { handler.value.nextEvent() }
    }

    /// Leaves the session; returns when it is over.
    func close() async throws {
        _ = try await perform(0..<1, outstanding: 1) { _ in .closeSession }.get()
        connection.close(.ended)
    }
}

/// A ``LoadSession`` on its connection's event loop.
final class LoadSessionHandler: ConnectionHandler {
    struct Load {
        /// The numbers of requests that have not been sent.
        var waiting: Range<Int>
        let outstanding: Int
        let request: (Int) -> ZooKeeperRequest
        let done: EventLoopPromise<LatencyRecord>
        /// When each was sent, the oldest first.
        var sent = CircularBuffer<NIODeadline>()
        var latencies = LatencyRecord()
        /// The first error; nothing more is sent then.
        var failure: ZooKeeperError?
    }

    private let connection: Connection
    /// nil when the session has been granted.
    private var granted: EventLoopPromise<NIOLoopBound<LoadSessionHandler>>?
    private var load: Load?
    private var event: EventLoopPromise<NIODeadline>?
    private var pings: RepeatedTask?
    /// Of the last reply.
    private var xid: Int32 = 0

    init(_ granted: EventLoopPromise<NIOLoopBound<LoadSessionHandler>>, on connection: Connection) {
        self.granted = granted
        self.connection = connection
    }

    func begin(_ load: Load) {
        precondition(self.load == nil, "a second load on one session")
        self.load = load
        send(load.outstanding)
    }

    func nextEvent() -> EventLoopFuture<NIODeadline> {
        let promise = event ?? connection.eventLoop.makePromise()
        event = promise
        return promise.futureResult
    }

    /// Sends so many more requests, as one piece.
    private func send(_ count: Int) {
        guard var load, !load.waiting.isEmpty else { return }
        self.load = nil
        var writer = WireWriter(capacity: count * 256)
        for number in load.waiting.prefix(count) {
            let start = writer.count
            let request = load.request(number)
            writer.int32(0)
            ZooKeeperRequestHeader(xid: xid &+ Int32(load.sent.count) &+ 1, type: request.opCode.rawValue)
                .write(to: &writer)
            request.write(to: &writer)
            writer.patch(int32: Int32(writer.count - start - 4), at: start)
            load.sent.append(.now())
        }
        load.waiting = load.waiting.dropFirst(count)
        self.load = load
        connection.send(writer.pieces())
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        let now = NIODeadline.now()
        var answered = 0
        do throws(MalformedInput) {
            for frame in frames {
                try WireReader.read(frame) { reader throws(MalformedInput) in
                    if granted != nil { return grant(try ConnectResponse(reading: &reader)) }
                    let header = try ZooKeeperReplyHeader(reading: &reader)
                    switch header.xid {
                    case SpecialXID.ping: break
                    case SpecialXID.watchEvent:
                        event?.succeed(now)
                        event = nil
                    default:
                        answered += 1
                        try answer(header, at: now)
                    }
                }
            }
        } catch {
            connection.close(.badInput("\(error)"))
        }
        send(answered)
    }

    private func grant(_ answer: ConnectResponse) {
        defer { granted = nil }
        guard answer.timeout > 0 else {
            granted?.fail(LoadFailure.sessionRefused)
            return connection.close(.ended)
        }
        granted?.succeed(NIOLoopBound(self, eventLoop: connection.eventLoop))
        let third = TimeAmount.milliseconds(Int64(answer.timeout) / 3)
        pings = connection.eventLoop.scheduleRepeatedTask(initialDelay: third, delay: third) { [connection] _ in
            var writer = WireWriter()
            writer.int32(0)
            ZooKeeperRequestHeader(xid: SpecialXID.ping, type: OpCode.ping.rawValue).write(to: &writer)
            connection.send(writer.framedPieces())
        }
    }

    private func answer(_ header: ZooKeeperReplyHeader, at now: NIODeadline) throws(MalformedInput) {
        xid &+= 1
        guard header.xid == xid, let sent = load?.sent.popFirst() else {
            throw MalformedInput(.custom("a reply to another request than the oldest"), at: 0)
        }
        load?.latencies.add(milliseconds: Double((now - sent).nanoseconds) / 1_000_000)
        if header.error != .ok {
            if load?.failure == nil { load?.failure = header.error }
            load?.waiting = 0..<0
        }
        if let load, load.sent.isEmpty, load.waiting.isEmpty {
            self.load = nil
            if let failure = load.failure {
                load.done.fail(LoadFailure.refused(failure))
            } else {
                load.done.succeed(load.latencies)
            }
        }
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        pings?.cancel()
        let failure = LoadFailure.connectionEnded(reason)
        granted?.fail(failure)
        load?.done.fail(failure)
        event?.fail(failure)
    }
}
