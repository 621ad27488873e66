import BrokerKernel
import ClusterModel
import NIOCore
import Synchronization
import Testing
import Transport

@testable import BrokerServer

/// Requests between brokers, against a peer that answers as a test wants it to.
@Suite struct PeerLinkTests {
    /// Answers each request as it is told: with some frame, or not at all.
    private final class Peer: ConnectionHandler {
        private let answer: @Sendable (ByteBuffer) -> ByteBuffer?

        init(_ answer: @escaping @Sendable (ByteBuffer) -> ByteBuffer?) { self.answer = answer }

        static func open(_ answer: @escaping @Sendable (ByteBuffer) -> ByteBuffer?) async throws -> Listener {
            try await Listener.bind(
                ListenerSettings(name: "PEER", host: "127.0.0.1", port: 0), on: MemoryCoordinator.group,
                logger: silentLogger
            ) { _ in Peer(answer) }
        }

        func received(_ frames: [ByteBuffer], on connection: Connection) {
            for frame in frames {
                guard let answer = answer(frame) else { continue }
                connection.send(ByteBuffer(integer: Int32(answer.readableBytes)))
                connection.send(answer)
            }
        }

        func closed(_ connection: Connection, _ reason: CloseReason) {}
    }

    /// What became of each request, by its ticket: the reply's bytes after the correlation id, or nil for its failure.
    private final class Outcomes: Sendable {
        private let told = Mutex<[(UInt64, String?)]>([])
        let ring: AsyncStream<Void>.Continuation
        private let bell: AsyncStream<Void>

        init() { (bell, ring) = AsyncStream.makeStream() }

        func take(_ events: [BrokerKernel.Event]) {
            for event in events {
                let outcome: (UInt64, String?)
                switch event {
                case .peerReplied(let ticket, let frame):
                    outcome = (
                        ticket.value, frame.getString(at: frame.readerIndex + 4, length: frame.readableBytes - 4)
                    )
                case .peerFailed(let ticket): outcome = (ticket.value, nil)
                default: preconditionFailure("a link tells only of requests")
                }
                told.withLock { $0.append(outcome) }
                ring.yield()
            }
        }

        /// All that was told once it is `count` outcomes.
        func first(_ count: Int) async -> [(UInt64, String?)] {
            var rings = bell.makeAsyncIterator()
            while told.withLock({ $0.count }) < count { await rings.next() }
            return told.withLock { $0 }
        }
    }

    private static func request(_ id: Int32, _ text: String) -> PeerRequest {
        var frame = ByteBuffer(integer: Int32(0x0012_0003))
        frame.writeInteger(id)
        frame.writeString(text)
        return PeerRequest(ticket: PeerTicket(UInt64(id)), broker: BrokerID(7), frame: frame, correlationID: id)
    }

    /// What an honest peer says: the request's text again.
    @Sendable private static func echo(_ frame: ByteBuffer) -> ByteBuffer? {
        frame.getSlice(at: frame.readerIndex + 4, length: frame.readableBytes - 4)
    }

    private static func link(
        to port: Int, patience: Duration = .seconds(30), _ outcomes: Outcomes
    ) -> PeerLink {
        PeerLink(
            ConnectSettings(host: "127.0.0.1", port: port, timeout: .seconds(5)), patience: patience,
            on: MemoryCoordinator.group, logger: silentLogger, tell: { outcomes.take($0) })
    }

    @Test func answersComeInOrderAlsoOfWhatWasSentWhileDialling() async throws {
        let peer = try await Peer.open(Self.echo)
        let outcomes = Outcomes()
        let link = Self.link(to: peer.port, outcomes)
        for id in 1...100 { #expect(link.send(Self.request(Int32(id), "text \(id)"))) }
        let told = await outcomes.first(100)
        #expect(told.map(\.0) == (1...100).map { UInt64($0) })
        #expect(told.map(\.1) == (1...100).map { "text \($0)" })
        link.end("the test is over")
        try await peer.close()
    }

    @Test func whatIsUnderWayFailsWithTheConnection() async throws {
        let peer = try await Peer.open { frame in
            // Keeps quiet from the third request on.
            (frame.getInteger(at: frame.readerIndex + 4, as: Int32.self) ?? 0) < 3 ? Self.echo(frame) : nil
        }
        let outcomes = Outcomes()
        let link = Self.link(to: peer.port, outcomes)
        for id in 1...4 { _ = link.send(Self.request(Int32(id), "text")) }
        _ = await outcomes.first(2)
        try await peer.close()
        let told = await outcomes.first(4)
        #expect(told.map(\.1) == ["text", "text", nil, nil])
        #expect(!link.send(Self.request(5, "text")))
    }

    @Test func anAnswerThatIsLateEndsTheConnection() async throws {
        let peer = try await Peer.open { _ in nil }
        let outcomes = Outcomes()
        let link = Self.link(to: peer.port, patience: .milliseconds(100), outcomes)
        _ = link.send(Self.request(1, "text"))
        #expect(await outcomes.first(1)[0].1 == nil)
        #expect(!link.send(Self.request(2, "text")))
        try await peer.close()
    }

    @Test func anAnswerToSomethingElseIsNotBelieved() async throws {
        let peer = try await Peer.open { _ in ByteBuffer(integer: Int32(99)) }
        let outcomes = Outcomes()
        let link = Self.link(to: peer.port, outcomes)
        _ = link.send(Self.request(1, "text"))
        #expect(await outcomes.first(1)[0].1 == nil)
        #expect(!link.send(Self.request(2, "text")))
        try await peer.close()
    }

    @Test func whereNobodyListensRequestsFail() async throws {
        let outcomes = Outcomes()
        let link = Self.link(to: 1, outcomes)
        _ = link.send(Self.request(1, "text"))
        #expect(await outcomes.first(1)[0].1 == nil)
    }
}
