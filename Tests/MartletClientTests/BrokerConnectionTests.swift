import ClusterModel
import KafkaProtocol
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing
import WireCoding

@testable import MartletClient

@Suite struct BrokerConnectionTests {
    private func open(
        _ broker: FakeBroker, _ adjust: (inout ClientSettings) -> Void = { _ in }
    ) async throws -> BrokerConnection {
        var settings = ClientSettings(bootstrapServers: [broker.address])
        adjust(&settings)
        return try await BrokerConnection.open(
            broker.address, settings: settings, tls: nil, on: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test"))
    }

    /// Says which version it was asked in, as the cluster's id.
    private static let metadata: FakeBroker.Answer = { version, _ in
        var response = MetadataResponse()
        response.clusterId = "version \(version)"
        return encoded(response, version)
    }

    @Test(arguments: [(2...5, 5), (2...99, 12), (0...2, 2)] as [(ClosedRange<Int16>, Int)], [false, true])
    func theHighestCommonVersionIsSpoken(_ offered: (ClosedRange<Int16>, Int), _ isOld: Bool) async throws {
        let broker = FakeBroker([.metadata: (offered.0, Self.metadata)], refusesNewApiVersions: isOld)
        try await broker.start()
        let connection = try await open(broker)
        #expect(try await connection.send(MetadataRequest()).clusterId == "version \(offered.1)")
        connection.close()
        try await broker.stop()
    }

    @Test func whatTheBrokerDoesNotKnowIsNotSent() async throws {
        let broker = FakeBroker([.metadata: (13...14, Self.metadata)])
        try await broker.start()
        let connection = try await open(broker)
        for attempt in 0..<2 {
            await #expect {
                if attempt == 0 { _ = try await connection.send(MetadataRequest()) }
                if attempt == 1 { _ = try await connection.send(ProduceRequest()) }
            } throws: { ($0 as? ClientFault)?.kind == .unsupported }
        }
        #expect(broker.received.withLock { $0 } == [.apiVersions])
        connection.close()
        try await broker.stop()
    }

    @Test func manyAtOnceGetTheirOwnAnswers() async throws {
        let broker = FakeBroker([
            .findCoordinator: (
                3...3,
                { version, body in
                    var response = FindCoordinatorResponse()
                    do {
                        response.host = try WireReader.read(body) { reader throws(MalformedInput) in
                            try FindCoordinatorRequest(reading: &reader, version: version).key
                        }
                    } catch {
                        response.host = "\(error)"
                    }
                    return encoded(response, version)
                }
            )
        ])
        try await broker.start()
        let connection = try await open(broker)
        try await withThrowingTaskGroup(of: (String, String).self) { group in
            for number in 0..<300 {
                group.addTask {
                    var request = FindCoordinatorRequest()
                    request.key = "group \(number)"
                    return (request.key, try await connection.send(request).host)
                }
            }
            for try await (asked, answered) in group { #expect(asked == answered) }
        }
        connection.close()
        try await broker.stop()
    }

    @Test func anOverdueAnswerEndsTheConnectionForAll() async throws {
        let broker = FakeBroker([.metadata: (0...12, { _, _ in nil })])
        try await broker.start()
        let connection = try await open(broker)
        let patient = Task { try await connection.send(MetadataRequest()) }
        await #expect {
            _ = try await connection.send(MetadataRequest(), timeout: .milliseconds(20))
        } throws: { ($0 as? ClientFault)?.kind == .timedOut }
        await #expect(throws: ClientFault.self) { _ = try await patient.value }
        #expect(!connection.isOpen)
        try await broker.stop()
    }

    @Test func whoWaitsIsToldWhenTheBrokerGoes() async throws {
        let arrived = AsyncStream<Void>.makeStream()
        let broker = FakeBroker([
            .metadata: (
                0...12,
                { _, _ in
                    arrived.continuation.yield()
                    return nil
                }
            )
        ])
        try await broker.start()
        let connection = try await open(broker)
        let answer = Task { try await connection.send(MetadataRequest()) }
        var arrivals = arrived.stream.makeAsyncIterator()
        await arrivals.next()
        try await broker.stop()
        await #expect { _ = try await answer.value } throws: { ($0 as? ClientFault)?.kind == .disconnected }
        await #expect { _ = try await self.open(broker) } throws: { ($0 as? ClientFault)?.kind == .unreachable }
    }

    @Test func anAnswerThatMakesNoSenseIsAFault() async throws {
        let broker = FakeBroker([.metadata: (0...12, { _, _ in ByteBuffer(repeating: 0xff, count: 20) })])
        try await broker.start()
        let connection = try await open(broker)
        await #expect { _ = try await connection.send(MetadataRequest()) } throws: {
            ($0 as? ClientFault)?.kind == .malformed
        }
        connection.close()
        try await broker.stop()
    }
}
