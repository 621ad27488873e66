import NIOCore
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorKernel

@Suite struct KernelSASLTests {
    private static let first = ByteBuffer(string: "first")
    private static let second = ByteBuffer(string: "second")
    private static let ofBob = ACL(.all, ZooKeeperID(scheme: "sasl", id: "bob"))

    private var harness = KernelHarness {
        $0.sasl = SASLPolicy()
        $0.sasl?.superUsers = ["root"]
    }

    private mutating func outcome(_ connection: UInt64, _ outcome: SASLOutcome) {
        harness.step(.authenticated(ConnectionID(connection), outcome))
    }

    private mutating func identities(_ connection: UInt64) throws -> ZooKeeperReply {
        harness.ask(connection, .whoAmI)
        return try harness.reply(connection, to: .whoAmI).body
    }

    @Test mutating func anExchangeAddsAnIdentity() throws {
        _ = try harness.open(1)
        harness.ask(1, .sasl(token: nil), xid: 7)
        #expect(harness.tokens.map(\.token) == [ByteBuffer()])
        outcome(1, .challenged(Self.first))
        let challenge = try harness.reply(1, to: .sasl)
        #expect(challenge.header == ZooKeeperReplyHeader(xid: 7, zxid: 0))
        #expect(challenge.body == .token(Self.first))
        harness.ask(1, .sasl(token: Self.second))
        #expect(harness.tokens.last?.token == Self.second)
        outcome(1, .proven(identity: "bob", lastToken: Self.first))
        #expect(try harness.reply(1, to: .sasl).body == .token(Self.first))
        #expect(
            try identities(1)
                == .identities([ZooKeeperID(scheme: "ip", id: "127.0.0.1"), ZooKeeperID(scheme: "sasl", id: "bob")]))
        try harness.create(1, "/bobs", acl: [Self.ofBob])
        _ = try harness.open(2)
        #expect(try harness.create(2, "/bobs/a") == .noAuth)
        #expect(try harness.create(1, "/bobs/a") == .ok)
    }

    @Test mutating func aSuperUserMayDoEverything() throws {
        _ = try harness.open(1)
        try harness.create(1, "/bobs", acl: [Self.ofBob])
        #expect(try harness.create(1, "/bobs/a") == .noAuth)
        harness.ask(1, .sasl(token: Self.first))
        outcome(1, .proven(identity: "root", lastToken: nil))
        #expect(try harness.reply(1, to: .sasl).body == .token(nil))
        #expect(try harness.create(1, "/bobs/a") == .ok)
    }

    @Test mutating func whatComesBehindATokenWaitsForIt() throws {
        _ = try harness.open(1)
        _ = try harness.open(2)
        harness.ask(1, .sasl(token: Self.first), xid: 1)
        harness.ask(1, .whoAmI, xid: 2)
        harness.ask(1, .sasl(token: Self.second), xid: 3)
        harness.ask(1, .ping, xid: 4)
        #expect(harness.tokens.count == 1)
        #expect(harness.kernel.waitingReplyCount == 4)
        #expect(try harness.create(2, "/others-do-not") == .ok)
        outcome(1, .challenged(Self.first))
        #expect(harness.tokens.count == 2)
        #expect(try harness.reply(1, to: .sasl).header.xid == 1)
        #expect(try harness.reply(1, to: .whoAmI).header.xid == 2)
        #expect(harness.sent[1]?.isEmpty == true)
        #expect(harness.kernel.waitingReplyCount == 2)
        outcome(1, .proven(identity: "bob", lastToken: nil))
        #expect(try harness.reply(1, to: .sasl).header.xid == 3)
        #expect(try harness.reply(1, to: .ping).header.xid == SpecialXID.ping)
        #expect(harness.kernel.waitingReplyCount == 0)
    }

    @Test mutating func aRefusalEndsTheConnection() throws {
        _ = try harness.open(1)
        harness.ask(1, .sasl(token: Self.first), xid: 9)
        harness.ask(1, .ping)
        outcome(1, .refused(cause: "wrong"))
        var frame = try harness.next(1)
        #expect(frame.readInteger(as: Int32.self) == 9)
        #expect(frame.readInteger(as: Int64.self) == 0)
        #expect(frame.readInteger(as: Int32.self) == ZooKeeperError.authFailed.rawValue)
        #expect(frame.readInteger(as: Int32.self) == -1)
        #expect(frame.readableBytes == 0)
        #expect(harness.ended[1] == "")
        #expect(harness.sent[1]?.isEmpty == true)
        #expect(harness.kernel.waitingReplyCount == 0)
    }

    @Test mutating func aRefusedClientMayStay() throws {
        harness = KernelHarness {
            $0.sasl = SASLPolicy()
            $0.sasl?.keepsRefusedClients = true
        }
        _ = try harness.open(1)
        harness.ask(1, .sasl(token: Self.first))
        outcome(1, .refused(cause: "wrong"))
        #expect(try harness.reply(1, to: .sasl).body == .token(nil))
        #expect(harness.ended.isEmpty)
        #expect(try identities(1) == .identities([ZooKeeperID(scheme: "ip", id: "127.0.0.1")]))
    }

    @Test mutating func nobodyAuthenticatesWhereNoMechanismIsOffered() throws {
        harness = KernelHarness()
        _ = try harness.open(1)
        harness.ask(1, .sasl(token: nil), xid: 3)
        let reply = try harness.reply(1, to: .sasl)
        #expect(reply.header == ZooKeeperReplyHeader(xid: 3, zxid: 0) && reply.body == .token(nil))
        #expect(harness.tokens.isEmpty)
        #expect(harness.ended.isEmpty)
    }

    /// The connection is gone, or its session has moved, before the outcome is known.
    @Test mutating func anOutcomeThatComesTooLateIsDropped() throws {
        let granted = try harness.open(1)
        harness.ask(1, .sasl(token: Self.first))
        harness.ask(1, .ping)
        harness.arrive(2)
        var again = ConnectRequest(timeout: 10_000)
        again.sessionID = granted.sessionID
        again.password = granted.password
        _ = try harness.connect(2, again)
        #expect(harness.kernel.waitingReplyCount == 0)
        outcome(1, .proven(identity: "root", lastToken: nil))
        #expect(harness.sent[1]?.isEmpty == true)

        harness.ask(2, .sasl(token: Self.first))
        harness.ask(2, .ping)
        harness.step(.disconnected(ConnectionID(2)))
        #expect(harness.kernel.waitingReplyCount == 0)
        outcome(2, .proven(identity: "root", lastToken: nil))
        #expect(harness.sent[2]?.isEmpty == true)
    }
}
