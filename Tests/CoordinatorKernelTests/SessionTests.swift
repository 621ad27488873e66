import NIOCore
import Seams
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorKernel

@Suite struct ConnectingTokenTests {
    @Test func tokensComeBackWithTime() {
        var now = Instant(nanoseconds: 0, unixMilliseconds: 0)
        var tokens = ConnectingTokens(ConnectingRate(most: 3, refill: 2, interval: .milliseconds(10)), at: now)
        func taken() -> Int { (0..<10).count { _ in tokens.take(at: now) } }
        #expect(taken() == 3)
        now = now + .milliseconds(9)
        #expect(taken() == 0)
        now = now + .milliseconds(1)
        #expect(taken() == 2)
        now = now + .seconds(3600)
        #expect(taken() == 3)
    }

    @Test func whoFindsNoneIsSentAway() throws {
        var harness = KernelHarness {
            $0.connectingRate = ConnectingRate(most: 1, refill: 1, interval: .seconds(1))
        }
        _ = try harness.open(1)
        harness.arrive(2)
        var writer = WireWriter()
        ConnectRequest(timeout: 10_000).write(to: &writer)
        harness.send(2, writer.buffer())
        #expect(harness.ended[2]?.contains("connectionMaxTokens") == true)
        harness.now = harness.now + .seconds(1)
        _ = try harness.open(3)
    }
}

@Suite struct KernelSessionTests {
    private var harness = KernelHarness()

    @Test mutating func timeoutsAreKeptInBounds() throws {
        harness.arrive(1)
        #expect(try harness.connect(1, ConnectRequest(timeout: 1)).timeout == 6000)
        harness.arrive(2)
        #expect(try harness.connect(2, ConnectRequest(timeout: .max)).timeout == 60_000)
        harness.arrive(3)
        #expect(try harness.connect(3, ConnectRequest(timeout: -5)).timeout == 6000)
    }

    @Test mutating func aSessionGoesOnOnAnotherConnection() throws {
        let granted = try harness.open(1)
        #expect(granted.sessionID != 0 && granted.timeout == 10_000 && granted.password.readableBytes == 16)
        harness.arrive(2)
        var again = ConnectRequest(timeout: 1)
        again.sessionID = granted.sessionID
        again.password = granted.password
        let resumed = try harness.connect(2, again)
        #expect(resumed.sessionID == granted.sessionID && resumed.timeout == 10_000)
        #expect(harness.ended == [1: ""])
        harness.ask(1, .ping)
        #expect(harness.sent[1]?.isEmpty == true)
    }

    @Test mutating func withoutThePasswordItDoesNot() throws {
        let granted = try harness.open(1)
        harness.arrive(2)
        var again = ConnectRequest(timeout: 1)
        again.sessionID = granted.sessionID
        again.password = ByteBuffer(repeating: 0, count: 16)
        let refused = try harness.connect(2, again)
        #expect(refused.sessionID == 0 && refused.timeout == 0)
        #expect(harness.ended == [2: ""])
        harness.ask(1, .ping, xid: SpecialXID.ping)
        #expect(try harness.reply(1, to: .ping).header.xid == SpecialXID.ping)
    }

    @Test mutating func aClientFromTheFutureIsSentAway() throws {
        harness.arrive(1)
        var request = ConnectRequest(timeout: 6000)
        request.lastZxidSeen = 1
        var writer = WireWriter()
        request.write(to: &writer)
        harness.send(1, writer.buffer())
        #expect(harness.sent[1] == nil)
        #expect(harness.ended[1]?.contains("newer than all here") == true)
    }

    @Test mutating func oldClientsGetTheAnswerTheyKnow() throws {
        harness.arrive(1)
        var request = ConnectRequest(timeout: 6000)
        request.readOnly = nil
        #expect(try harness.connect(1, request).readOnly == nil)
    }

    @Test mutating func silenceEndsASessionAndItsConnection() throws {
        _ = try harness.open(1)
        _ = try harness.open(2)
        try harness.create(1, "/e", .ephemeral)
        for _ in 0..<4 {
            harness.now = harness.now + .seconds(3)
            harness.ask(2, .ping)
            harness.step(.ticked)
        }
        #expect(harness.ended == [1: ""])
        harness.sent[2] = []
        harness.ask(2, .exists(path: "/e", watch: false))
        #expect(try harness.reply(2, to: .exists).header.error == .noNode)
    }

    @Test mutating func closingSaysSoFirst() throws {
        _ = try harness.open(1)
        _ = try harness.open(2)
        try harness.create(1, "/e", .ephemeral)
        harness.ask(2, .exists(path: "/e", watch: true))
        _ = try harness.reply(2, to: .exists)
        harness.syncsAtOnce = false
        harness.ask(1, .closeSession, xid: 9)
        #expect(harness.ended.isEmpty && harness.sent[1]?.isEmpty == true)
        harness.sync()
        #expect(try harness.reply(1, to: .closeSession).header.xid == 9)
        #expect(harness.ended == [1: ""])
        #expect(try harness.event(2) == WatchedEvent(.nodeDeleted, path: "/e"))
    }

    @Test mutating func whatIsNoHandshakeIsRejected() {
        harness.arrive(1)
        harness.send(1, ByteBuffer(string: "GET / HTTP"))
        #expect(harness.ended[1]?.hasPrefix("no ZooKeeper client") == true)
        harness.send(1, ByteBuffer(string: "more"))
        #expect(harness.sent.isEmpty)
    }
}
