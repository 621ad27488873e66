import BrokerKernel
import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import Simulation
import Testing
import WireCoding

@Suite("Requests that make no sense")
struct BadInputTests {
    @Test("A body cut off at any byte ends its connection and no other")
    func truncated() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        let version: Int16 = 9
        var writer = WireWriter()
        bench.produceRequest(batch(["a"]), to: "t", 0, acks: 1).write(to: &writer, version: version)
        let whole = writer.buffer()
        for length in 0..<whole.readableBytes {
            let body = try #require(whole.getSlice(at: whole.readerIndex, length: length))
            let connection = UInt64(100 + length)
            _ = try bench.send(.produce, version: version, body: body, connection: connection)
            #expect(bench.closed[ConnectionID(connection)] != nil, "cut at \(length)")
        }
        #expect(bench.closed.count == whole.readableBytes)
        #expect(try bench.values(in: "t").isEmpty)
    }

    @Test("Any bytes to any API are answered or end the connection")
    func anyBytes() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        var random = SeededRandom(seed: 3)
        var tickets: [ReplyTicket] = []
        for api in ApiKey.allCases {
            for version in api.offeredVersions ?? 0...0 {
                for _ in 0..<8 {
                    let length = Int.random(in: 0...64, using: &random)
                    let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
                    let connection = UInt64(tickets.count)
                    tickets.append(
                        try bench.send(api, version: version, body: ByteBuffer(bytes: bytes), connection: connection))
                }
            }
        }
        // Long enough for whoever was understood as being willing to wait.
        try bench.advance(milliseconds: Int64(Int32.max))
        for ticket in tickets { #expect(bench.isSettled(ticket), "\(ticket)") }
        #expect(bench.stopReason == nil)
        #expect(ErrorCode.of(try bench.produce(batch(["a"]), to: "t").errorCode) == .none)
    }

    @Test("Versions that were never offered end the connection, except of ApiVersions")
    func unknownVersions() throws {
        let bench = try BrokerBench()
        _ = try bench.send(.heartbeat, version: 99, body: ByteBuffer(), connection: 2)
        #expect(bench.closed[ConnectionID(2)] != nil)
        let ticket = try bench.send(.apiVersions, version: 99, body: ByteBuffer(), connection: 3)
        // The answer to an unknown version is of version 0, which every client can read (KIP-511).
        let told = try #require(
            try bench.reply(to: BrokerBench.Pending<ApiVersionsRequest>(ticket: ticket, version: 0)))
        #expect(ErrorCode.of(told.errorCode) == .unsupportedVersion)
        #expect(bench.closed[ConnectionID(3)] == nil)
    }

    @Test("What is offered is what is answered")
    func offered() throws {
        let bench = try BrokerBench()
        let told = try bench.call(ApiVersionsRequest())
        let keys = told.apiKeys.map(\.apiKey)
        #expect(keys.contains(ApiKey.joinGroup.rawValue) && keys.contains(ApiKey.createTopics.rawValue))
        #expect(!keys.contains(ApiKey.saslHandshake.rawValue))
        for api in ApiKey.allCases where !keys.contains(api.rawValue) {
            let connection = UInt64(1000) + UInt64(api.rawValue)
            let version = api.offeredVersions?.lowerBound ?? 0
            _ = try bench.send(api, version: version, body: ByteBuffer(), connection: connection)
            #expect(bench.closed[ConnectionID(connection)] != nil, "\(api)")
        }
    }
}
