import KafkaProtocol
import Logging
import NIOCore
import Settings
import Synchronization
import Transport
import WireCoding

/// One connection to one broker: requests in any number at once, answers matched to them, versions agreed on.
///
/// An answer that is overdue ends the connection, for nobody knows any more what the broker has done. Then all that
/// wait are told.
package final class BrokerConnection: ConnectionHandler, Sendable {
    private struct Waiting {
        var asked: NIODeadline
        var deadline: NIODeadline
        var request: ApiKey
        var complete: @Sendable (Result<ByteBuffer, ClientFault>) -> Void
    }

    private struct State {
        var connection: Connection?
        var nextID: Int32 = 0
        var waiting: [Int32: Waiting] = [:]
        var versions: [ApiKey: ClosedRange<Int16>] = [:]
        var ended: ClientFault?
        var isSweepAhead = false
        var quickestAnswer = TimeAmount.nanoseconds(.max)
    }

    package let address: ClientSettings.Address
    private let clientID: String
    private let requestTimeout: Duration
    /// nil where topics have the broker's names.
    private let names: TopicNames?
    private let state = Mutex(State())

    private init(address: ClientSettings.Address, settings: ClientSettings, names: TopicNames?) {
        self.names = names
        self.address = address
        clientID = settings.clientID
        requestTimeout = settings.requestTimeout
    }

    /// Connects and asks the broker which versions it speaks.
    package static func open(
        _ address: ClientSettings.Address, settings: ClientSettings, names: TopicNames? = nil, tls: TLSContexts?,
        on group: any EventLoopGroup, logger: Logger
    ) async throws -> BrokerConnection {
        let broker = BrokerConnection(address: address, settings: settings, names: names)
        do {
            _ = try await Connector.connect(
                ConnectSettings(host: address.host, port: address.port, tls: tls, timeout: settings.connectTimeout),
                on: group, logger: logger
            ) { connection in
                broker.state.withLock { $0.connection = connection }
                return broker
            }
        } catch let failure as Connector.Failure {
            throw ClientFault(.unreachable, failure.description)
        }
        do {
            try await broker.agreeOnVersions()
        } catch {
            broker.close()
            throw error
        }
        return broker
    }

    /// Whether it can take requests.
    package var isOpen: Bool { state.withLock { $0.ended == nil } }

    /// The loop on which its answers come in; nil before it is connected.
    package var eventLoop: (any EventLoop)? { state.withLock { $0.connection }?.eventLoop }

    /// How long the way there and back is at most: what the quickest of all answers took.
    package var roundTrip: Duration { Duration(state.withLock { $0.quickestAnswer }) }

    /// Ends it; who waits for an answer is told that it was closed.
    package func close() {
        state.withLock { $0.connection }?.close(.ended)
        end(ClientFault(.misused, "the connection to \(address) was closed"))
    }

    // MARK: Versions

    /// The highest version of a request that both sides know, not above `highest`.
    package func version<Request: KafkaRequest>(
        of request: Request.Type, atMost highest: Int16 = .max
    ) throws(ClientFault) -> Int16 {
        let offered = state.withLock { $0.versions[Request.apiKey] }
        let known = Request.validVersions
        guard let offered else {
            throw ClientFault(.unsupported, "\(address) does not know \(Request.apiKey)")
        }
        let version = min(offered.upperBound, known.upperBound, highest)
        guard version >= offered.lowerBound, version >= known.lowerBound else {
            throw ClientFault(
                .unsupported,
                "\(address) speaks \(Request.apiKey) \(offered), this client \(known.lowerBound)...\(min(known.upperBound, highest))"
            )
        }
        return version
    }

    private func agreeOnVersions() async throws {
        var request = ApiVersionsRequest()
        request.clientSoftwareName = "martlet"
        request.clientSoftwareVersion = Release.version
        var response = try await apiVersions(request, version: 3)
        if response.errorCode == ErrorCode.unsupportedVersion.rawValue {
            response = try await apiVersions(request, version: 0)
        }
        try ClientFault.check(response.errorCode, "ApiVersions of \(address)")
        let versions = response.apiKeys
        state.withLock { state in
            for offered in versions where offered.minVersion <= offered.maxVersion {
                guard let key = ApiKey(rawValue: offered.apiKey) else { continue }
                state.versions[key] = offered.minVersion...offered.maxVersion
            }
        }
    }

    /// A broker that does not know the version answers in version 0, whose first field says so (KIP-511).
    private func apiVersions(_ request: ApiVersionsRequest, version: Int16) async throws -> ApiVersionsResponse {
        try await withCheckedThrowingContinuation { continuation in
            exchange(request, version: version, timeout: requestTimeout) { result in
                continuation.resume(
                    with: result.flatMap { frame in
                        let code = frame.getInteger(at: frame.readerIndex + 4, as: Int16.self)
                        let answered = code == ErrorCode.unsupportedVersion.rawValue ? 0 : version
                        return Self.decode(ApiVersionsRequest.self, answered, frame)
                    })
            }
        }
    }

    // MARK: Requests

    /// Sends a request and waits for its answer. Error codes in the answer are the caller's to look at.
    package func send<Request: KafkaRequest>(
        _ request: Request, atMost highest: Int16 = .max, timeout: Duration? = nil
    ) async throws -> Request.Response {
        try await withCheckedThrowingContinuation { continuation in
            send(request, atMost: highest, timeout: timeout) { continuation.resume(with: $0) }
        }
    }

    /// Sends a request; requests of one thread arrive in order. `complete` is called once, mostly on the connection's
    /// event loop.
    package func send<Request: KafkaRequest>(
        _ request: Request, atMost highest: Int16 = .max, timeout: Duration? = nil,
        then complete: @escaping @Sendable (Result<Request.Response, ClientFault>) -> Void
    ) {
        let version: Int16
        let named: Request
        do throws(ClientFault) {
            version = try self.version(of: Request.self, atMost: highest)
            named = try names?.there(request) ?? request
        } catch {
            return complete(.failure(error))
        }
        exchange(named, version: version, timeout: timeout ?? requestTimeout) { [names] result in
            let answer = result.flatMap { Self.decode(Request.self, version, $0) }
            guard let names else { return complete(answer) }
            complete(answer.flatMap { answer in Result { () throws(ClientFault) in try names.here(answer) } })
        }
    }

    /// Sends a request that is not answered (Produce with acks 0).
    package func sendUnanswered<Request: KafkaRequest>(
        _ request: Request, atMost highest: Int16 = .max
    ) throws(ClientFault) {
        let version = try self.version(of: Request.self, atMost: highest)
        let request = try names?.there(request) ?? request
        let (connection, id, ended) = state.withLock { state in
            state.nextID &+= 1
            return (state.connection, state.nextID, state.ended)
        }
        if let ended { throw ended }
        connection?.send(frame(request, version: version, id: id))
    }

    /// Bytes of requests that the operating system has not taken yet.
    package var unsentBytes: Int { state.withLock { $0.connection }?.unsentBytes ?? 0 }

    private func exchange<Request: KafkaRequest>(
        _ request: Request, version: Int16, timeout: Duration,
        _ complete: @escaping @Sendable (Result<ByteBuffer, ClientFault>) -> Void
    ) {
        let now = NIODeadline.now()
        let waiting = Waiting(
            asked: now, deadline: now + TimeAmount(timeout), request: Request.apiKey, complete: complete)
        let (connection, id, ended, sweeps) = state.withLock { state in
            state.nextID &+= 1
            guard state.ended == nil else { return (nil as Connection?, state.nextID, state.ended, false) }
            state.waiting[state.nextID] = waiting
            defer { state.isSweepAhead = true }
            return (state.connection, state.nextID, nil, !state.isSweepAhead)
        }
        if let ended { return complete(.failure(ended)) }
        connection?.send(frame(request, version: version, id: id))
        if sweeps, let connection { scheduleSweep(connection) }
    }

    private func frame<Request: KafkaRequest>(_ request: Request, version: Int16, id: Int32) -> [RecordBytes] {
        var header = RequestHeader()
        header.requestApiKey = Request.apiKey.rawValue
        header.requestApiVersion = version
        header.correlationId = id
        header.clientId = clientID
        var writer = WireWriter()
        writer.int32(0)
        header.write(to: &writer, version: Request.apiKey.requestHeaderVersion(for: version))
        request.write(to: &writer, version: version)
        return writer.framedPieces()
    }

    /// Reads what follows the length: the header, then the body.
    private static func decode<Request: KafkaRequest>(
        _: Request.Type, _ version: Int16, _ frame: ByteBuffer
    ) -> Result<Request.Response, ClientFault> {
        do throws(MalformedInput) {
            return .success(
                try WireReader.read(frame) { reader throws(MalformedInput) in
                    _ = try ResponseHeader(
                        reading: &reader, version: Request.apiKey.responseHeaderVersion(for: version))
                    return try Request.Response(reading: &reader, version: version)
                })
        } catch {
            return .failure(ClientFault(.malformed, "the answer to \(Request.apiKey) version \(version): \(error)"))
        }
    }

    // MARK: Overdue answers

    private func scheduleSweep(_ connection: Connection) {
        connection.eventLoop.scheduleTask(in: .milliseconds(500)) { self.sweep(connection) }
    }

    private func sweep(_ connection: Connection) {
        let now = NIODeadline.now()
        let (overdue, goesOn) = state.withLock { state in
            state.isSweepAhead = !state.waiting.isEmpty && state.ended == nil
            return (state.waiting.values.first { $0.deadline <= now }, state.isSweepAhead)
        }
        if let overdue {
            end(ClientFault(.timedOut, "\(address) has not answered \(overdue.request) in time"))
            connection.close(.ended)
        } else if goesOn {
            scheduleSweep(connection)
        }
    }

    private func end(_ fault: ClientFault) {
        let waiting = state.withLock { state in
            if state.ended == nil { state.ended = fault }
            defer { state.waiting = [:] }
            return state.waiting
        }
        for one in waiting.values { one.complete(.failure(fault)) }
    }

    // MARK: ConnectionHandler

    package func received(_ frames: [ByteBuffer], on connection: Connection) {
        for frame in frames {
            guard let id = frame.getInteger(at: frame.readerIndex, as: Int32.self), let waiting = answered(id) else {
                return connection.close(.badInput("an answer that nobody asked for"))
            }
            waiting.complete(.success(frame))
        }
    }

    private func answered(_ id: Int32) -> Waiting? {
        state.withLock { state in
            guard let waiting = state.waiting.removeValue(forKey: id) else { return nil }
            state.quickestAnswer = min(state.quickestAnswer, .now() - waiting.asked)
            return waiting
        }
    }

    package func closed(_ connection: Connection, _ reason: CloseReason) {
        end(ClientFault(.disconnected, "the connection to \(address) ended: \(reason)"))
    }
}
