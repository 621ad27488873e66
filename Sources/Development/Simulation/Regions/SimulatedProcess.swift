import ClusterModel
import KafkaProtocol
import NIOCore
import Seams
import WireCoding

/// A process at work between regions, a mirror, an operator's tool or all clients together: tasks that ask brokers and
/// sleep. When it is killed they end where they wait.
final class SimulatedProcess {
    /// Why a task does not go on.
    enum Fault: Error {
        case killed
        /// The request or its answer was lost, or the broker is gone.
        case noAnswer
        /// Nobody leads, or is the controller.
        case nobody
        case refused(ErrorCode, String)
        /// What was asked shows that it cannot be done now.
        case notYet(String)
    }

    /// The answer to a request, which may be under way while others are sent.
    final class Call<Response: WireMessage> {
        fileprivate var result: Result<ByteBuffer, any Error>?
        fileprivate var waiter: CheckedContinuation<ByteBuffer, any Error>?
        fileprivate let version: Int16
        fileprivate let headerVersion: Int16

        fileprivate init(_ version: Int16, _ headerVersion: Int16) {
            self.version = version
            self.headerVersion = headerVersion
        }

        fileprivate func end(_ result: Result<ByteBuffer, any Error>) {
            guard self.result == nil else { return }
            self.result = result
            waiter?.resume(with: result)
            waiter = nil
        }

        var value: Response {
            get async throws {
                let bytes: ByteBuffer
                if let result {
                    bytes = try result.get()
                } else {
                    bytes = try await withCheckedThrowingContinuation { waiter = $0 }
                }
                return try WireReader.read(bytes) { reader throws(MalformedInput) in
                    _ = try reader.int32()
                    _ = try ResponseHeader(reading: &reader, version: headerVersion)
                    return try Response(reading: &reader, version: version)
                }
            }
        }
    }

    /// By which brokers know its connections.
    let client: Int
    let chronicle: Chronicle
    let queue: TaskQueue
    var random: SeededRandom
    private(set) var isRunning = true
    /// How those who wait learn that the process is killed.
    private var waits: [UInt64: () -> Void] = [:]
    private var lastWait: UInt64 = 0

    init(client: Int, _ chronicle: Chronicle, _ queue: TaskQueue, seed: UInt64) {
        self.client = client
        self.chronicle = chronicle
        self.queue = queue
        random = SeededRandom(seed: seed)
    }

    func begin(_ body: @escaping () async -> Void) { queue.begin(body) }

    func kill() {
        isRunning = false
        for (_, end) in waits.sorted(by: { $0.key < $1.key }) { end() }
        waits = [:]
    }

    private func wait(_ end: @escaping () -> Void) -> UInt64 {
        lastWait += 1
        waits[lastWait] = end
        return lastWait
    }

    func sleep(_ milliseconds: ClosedRange<Int>) async throws {
        guard isRunning else { throw Fault.killed }
        let pause = Duration.milliseconds(Int.random(in: milliseconds, using: &random))
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let number = wait { continuation.resume(throwing: Fault.killed) }
            chronicle.at(chronicle.now + pause) { [self] in
                if waits.removeValue(forKey: number) != nil { continuation.resume() }
            }
        }
    }

    /// Does something; returns whether it succeeded. What failed is tried again by who asks, after a pause.
    func attempt(_ what: String, _ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return true
        } catch Fault.killed {
            return false
        } catch {
            chronicle.note("\(what): \(error)")
            return false
        }
    }

    /// Does something until it succeeds or the process is killed.
    func untilDone(_ what: String, _ body: () async throws -> Void) async -> Bool {
        while isRunning {
            if await attempt(what, body) { return true }
            _ = await attempt(what) { try await sleep(50...700) }
        }
        return false
    }

    // MARK: - Requests

    /// Sends a request.
    func call<Request: KafkaRequest>(
        _ request: Request, version: Int16, to broker: BrokerID, in region: Region
    ) -> Call<Request.Response> {
        let call = Call<Request.Response>(version, Request.apiKey.responseHeaderVersion(for: version))
        guard isRunning else {
            call.end(.failure(Fault.killed))
            return call
        }
        let number = wait { call.end(.failure(Fault.killed)) }
        region.send(request, version: version, from: client, to: broker) { [self] reply in
            guard waits.removeValue(forKey: number) != nil else { return }
            call.end(reply.map { .success($0) } ?? .failure(Fault.noAnswer))
        }
        return call
    }

    func ask<Request: KafkaRequest>(
        _ request: Request, version: Int16, to broker: BrokerID, in region: Region
    ) async throws -> Request.Response {
        try await call(request, version: version, to: broker, in: region).value
    }

    /// Throws what a broker refused.
    func check(_ code: Int16, _ message: String? = nil) throws {
        if code != 0 { throw Fault.refused(ErrorCode(rawValue: code), message ?? "") }
    }
}
