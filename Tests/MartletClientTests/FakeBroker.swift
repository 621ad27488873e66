import KafkaProtocol
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Transport
import WireCoding

@testable import MartletClient

/// A listener that answers requests as a test says. It knows the versions of the messages it was given answers for.
final class FakeBroker: Sendable {
    /// The body of an answer, or nil for none.
    typealias Answer = @Sendable (_ version: Int16, _ body: ByteBuffer) -> ByteBuffer?

    private final class Handler: ConnectionHandler {
        let broker: FakeBroker
        init(_ broker: FakeBroker) { self.broker = broker }

        func received(_ frames: [ByteBuffer], on connection: Connection) {
            for frame in frames { broker.answer(frame, connection) }
        }

        func closed(_ connection: Connection, _ reason: CloseReason) {}
    }

    private let answers: [ApiKey: (versions: ClosedRange<Int16>, answer: Answer)]
    private let listener = Mutex<Listener?>(nil)
    /// Requests received, in order.
    let received = Mutex<[ApiKey]>([])

    /// `oldest` makes it refuse all but version 0 of ApiVersions.
    private let refusesNewApiVersions: Bool

    init(
        _ answers: [ApiKey: (versions: ClosedRange<Int16>, answer: Answer)], refusesNewApiVersions: Bool = false
    ) {
        self.answers = answers
        self.refusesNewApiVersions = refusesNewApiVersions
    }

    func start() async throws {
        let bound = try await Listener.bind(
            ListenerSettings(name: "FAKE", host: "127.0.0.1", port: 0), on: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "fake")
        ) { _ in Handler(self) }
        listener.withLock { $0 = bound }
    }

    func stop() async throws {
        try await listener.withLock { $0 }?.close()
    }

    var port: Int { listener.withLock { $0?.port ?? 0 } }
    var address: ClientSettings.Address { ClientSettings.Address(host: "127.0.0.1", port: port) }

    private func answer(_ frame: ByteBuffer, _ connection: Connection) {
        var frame = frame
        guard let rawKey = frame.readInteger(as: Int16.self), let key = ApiKey(rawValue: rawKey),
            let version = frame.readInteger(as: Int16.self), let id = frame.readInteger(as: Int32.self),
            let nameLength = frame.readInteger(as: Int16.self), frame.readSlice(length: max(Int(nameLength), 0)) != nil,
            key.requestHeaderVersion(for: version) < 2 || frame.readInteger(as: UInt8.self) != nil
        else {
            // A client of another test, which looks for its server at a port that is this one's now.
            return connection.close(.badInput("no request"))
        }
        received.withLock { $0.append(key) }
        var writer = WireWriter()
        writer.int32(0)
        writer.int32(id)
        if key.responseHeaderVersion(for: version) == 1 { writer.unsignedVarint(0) }
        if key == .apiVersions {
            apiVersions(version).write(to: &writer, version: refusesNewApiVersions ? 0 : version)
        } else {
            guard let body = answers[key]?.answer(version, frame) else { return }
            writer.raw(body)
        }
        connection.send(writer.framedPieces())
    }

    private func apiVersions(_ version: Int16) -> ApiVersionsResponse {
        var response = ApiVersionsResponse()
        if refusesNewApiVersions, version > 0 { response.errorCode = ErrorCode.unsupportedVersion.rawValue }
        for (key, known) in answers {
            var entry = ApiVersionsResponse.ApiVersion()
            entry.apiKey = key.rawValue
            entry.minVersion = known.versions.lowerBound
            entry.maxVersion = known.versions.upperBound
            response.apiKeys.append(entry)
        }
        return response
    }
}

/// The bytes of a message in a version.
func encoded(_ message: some WireMessage, _ version: Int16) -> ByteBuffer {
    var writer = WireWriter()
    message.write(to: &writer, version: version)
    return writer.buffer()
}
