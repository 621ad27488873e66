import NIOCore
import Seams
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorKernel

@Suite struct KernelRequestTests {
    private var harness = KernelHarness()

    @Test mutating func nothingIsSaidBeforeItIsDurable() throws {
        _ = try harness.open(1)
        _ = try harness.open(2)
        harness.ask(2, .exists(path: "/a", watch: true))
        _ = try harness.reply(2, to: .exists)
        harness.syncsAtOnce = false
        harness.ask(1, .change(.create(CreateOperation(path: "/a", data: nil, acl: ACL.open, mode: .persistent))))
        // It reads what is not durable yet, so it must wait as well.
        harness.ask(2, .getData(path: "/a", watch: false), xid: 5)
        harness.ask(1, .ping, xid: SpecialXID.ping)
        #expect(harness.sent.values.filter { !$0.isEmpty }.isEmpty)
        #expect(harness.kernel.waitingReplyCount == 4)
        harness.sync()
        #expect(try harness.event(2) == WatchedEvent(.nodeCreated, path: "/a"))
        #expect(try harness.reply(2, to: .getData).header == ZooKeeperReplyHeader(xid: 5, zxid: 3))
        #expect(try harness.reply(1, to: .create).body == .path("/a"))
        #expect(try harness.reply(1, to: .ping).header.xid == SpecialXID.ping)
        #expect(harness.kernel.waitingReplyCount == 0)
    }

    /// Every request, cut off anywhere: refused, with no zxid used up, and the connection stays.
    @Test mutating func brokenRequestsHarmNobody() throws {
        _ = try harness.open(1)
        let create = CreateOperation(path: "/a", data: ByteBuffer(string: "x"), acl: ACL.open, mode: .persistent)
        var paths = WatchedPaths(relativeZxid: 0)
        paths.data = ["/a"]
        let requests: [ZooKeeperRequest] = [
            .change(.create(create)), .change(.createTTL(create)), .change(.delete(path: "/a", version: 0)),
            .change(.setData(path: "/a", data: nil, version: 0)), .multi([.create2(create)]),
            .multiRead([.getData(path: "/a")]), .exists(path: "/a", watch: true), .getACL(path: "/a"),
            .setACL(path: "/a", acl: ACL.open, version: 0), .getChildren2(path: "/a", watch: true), .sync(path: "/a"),
            .setWatches2(paths), .addWatch(path: "/a", mode: 0), .removeWatches(path: "/a", type: 1),
            .getEphemerals(prefix: "/"),
        ]
        let before = harness.kernel.lastZxid
        for request in requests {
            let frame = KernelHarness.frame(request)
            for length in 8..<frame.readableBytes {
                harness.send(1, try #require(frame.getSlice(at: 0, length: length)))
                let header = try harness.reply(1, to: request.opCode).header
                #expect(header.error == .marshallingError)
            }
        }
        #expect(harness.kernel.lastZxid == before)
        #expect(harness.ended.isEmpty)
    }

    @Test mutating func aFrameWithoutHeaderEndsTheConnection() throws {
        _ = try harness.open(1)
        harness.send(1, ByteBuffer(repeating: 0, count: 7))
        #expect(harness.ended[1]?.hasPrefix("no request") == true)
    }

    @Test(arguments: [0, 13, 20, -1, -10, 99, .max] as [Int32])
    mutating func whatNobodyMayAskIsAnsweredAndEnds(_ type: Int32) throws {
        _ = try harness.open(1)
        var writer = WireWriter()
        ZooKeeperRequestHeader(xid: 3, type: type).write(to: &writer)
        harness.send(1, writer.buffer())
        let expected = ZooKeeperReplyHeader(xid: 3, zxid: -1, error: .unimplemented)
        #expect(try harness.reply(1, to: .error).header == expected)
        #expect(harness.ended == [1: ""])
    }

    // MARK: Who is it?

    @Test mutating func aDigestIsProvenByItsPassword() throws {
        _ = try harness.open(1, subject: "CN=alice")
        harness.ask(1, .auth(scheme: "digest", credentials: ByteBuffer(string: "bob:secret")), xid: SpecialXID.auth)
        #expect(try harness.reply(1, to: .auth).header.error == .ok)
        harness.ask(1, .whoAmI)
        #expect(
            try harness.reply(1, to: .whoAmI).body
                == .identities([
                    ZooKeeperID(scheme: "ip", id: "127.0.0.1"), ZooKeeperID(scheme: "x509", id: "CN=alice"),
                    ZooKeeperID(scheme: "digest", id: "bob"),
                ]))
        // As Apache ZooKeeper's tool for such hashes prints it.
        let bob = ZooKeeperID(scheme: "digest", id: "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=")
        try harness.create(1, "/secret", acl: [ACL(.all, bob)])
        harness.ask(1, .getData(path: "/secret", watch: false))
        #expect(try harness.reply(1, to: .getData).header.error == .ok)
        _ = try harness.open(2)
        harness.ask(2, .getData(path: "/secret", watch: false))
        #expect(try harness.reply(2, to: .getData).header.error == .noAuth)
    }

    @Test(arguments: [("voodoo", "x"), ("x509", ""), ("sasl", "")])
    mutating func whatProvesNothingEndsTheConnection(_ scheme: String, _ credentials: String) throws {
        _ = try harness.open(1)
        harness.ask(1, .auth(scheme: scheme, credentials: ByteBuffer(string: credentials)), xid: SpecialXID.auth)
        let expected = ZooKeeperReplyHeader(xid: SpecialXID.auth, zxid: 0, error: .authFailed)
        #expect(try harness.reply(1, to: .auth).header == expected)
        #expect(harness.ended == [1: ""])
    }

    @Test(arguments: ["no colon", ""]) mutating func withoutAPasswordAllIsTheName(_ credentials: String) throws {
        _ = try harness.open(1)
        harness.ask(1, .auth(scheme: "digest", credentials: ByteBuffer(string: credentials)), xid: SpecialXID.auth)
        #expect(try harness.reply(1, to: .auth).header.error == .ok)
        harness.ask(1, .whoAmI)
        #expect(
            try harness.reply(1, to: .whoAmI).body
                == .identities([
                    ZooKeeperID(scheme: "ip", id: "127.0.0.1"), ZooKeeperID(scheme: "digest", id: credentials),
                ]))
    }

    /// Hashes as Java's MessageDigest makes them of `bob:secret`.
    @Test(arguments: [
        (DigestAlgorithm.sha1, "fyVmFCwVbTJYrznoSu1koqYEYF0="),
        (.sha256, "huAluaVu3uER4LIpielGv9Qqk5x3YVDr6I2R/mXf2wE="),
        (.sha512, "MON49O1q1UU4gzHRH8XFfdstQyTRtQRoDT+8dvk+qrZdXJegJxeoYDJfch4LeWUjXjSWIiqnKXpFYZi7tC1AZw=="),
        (.sha3Of256, "ukO6WgYOvbjGYGRnCevsZ2T9tQ3ynirMDLl7Q45X6Rc="),
    ])
    mutating func digestsAreHashedAsTheSettingsSay(_ algorithm: DigestAlgorithm, _ hash: String) throws {
        harness = KernelHarness { $0.digestAlgorithm = algorithm }
        _ = try harness.open(1)
        harness.ask(1, .auth(scheme: "digest", credentials: ByteBuffer(string: "bob:secret")))
        _ = try harness.reply(1, to: .auth)
        try harness.create(1, "/n", acl: [ACL(.all, ZooKeeperID(scheme: "auth", id: ""))])
        harness.ask(1, .getACL(path: "/n"))
        guard case .acl(let acl, _) = try harness.reply(1, to: .getACL).body else {
            Issue.record("no access list")
            return
        }
        #expect(acl == [ACL(.all, ZooKeeperID(scheme: "digest", id: "bob:\(hash)"))])
    }

    @Test mutating func aBrokenAuthPacketEndsTheConnection() throws {
        _ = try harness.open(1)
        let frame = KernelHarness.frame(.auth(scheme: "digest", credentials: ByteBuffer(string: "a:b")))
        harness.send(1, try #require(frame.getSlice(at: 0, length: frame.readableBytes - 1)))
        #expect(harness.ended[1]?.hasPrefix("no request") == true)
    }

    @Test mutating func whoMustAuthenticateIsServedOnlyThen() throws {
        harness = KernelHarness { $0.requiredSchemes = ["digest"] }
        _ = try harness.open(1)
        harness.ask(1, .exists(path: "/", watch: false), xid: 7)
        let expected = ZooKeeperReplyHeader(xid: 7, zxid: 0, error: .sessionClosedRequireSASLAuth)
        #expect(try harness.reply(1, to: .exists).header == expected)
        #expect(harness.ended == [1: ""])
        _ = try harness.open(2)
        harness.ask(2, .auth(scheme: "digest", credentials: ByteBuffer(string: "bob:secret")))
        _ = try harness.reply(2, to: .auth)
        harness.ask(2, .exists(path: "/", watch: false))
        #expect(try harness.reply(2, to: .exists).header.error == .ok)
    }

    @Test mutating func pingsAreAnsweredUnderTheirOwnNumber() throws {
        _ = try harness.open(1)
        harness.ask(1, .ping, xid: 5)
        #expect(try harness.reply(1, to: .ping).header.xid == SpecialXID.ping)
    }

    @Test mutating func theSuperUserMayDoEverything() throws {
        harness = KernelHarness {
            $0.superDigest = "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="
            $0.superSubject = "CN=root"
        }
        let nobody = [ACL(.all, ZooKeeperID(scheme: "digest", id: "x:y"))]
        _ = try harness.open(1)
        try harness.create(1, "/n", acl: nobody)
        harness.ask(1, .getData(path: "/n", watch: false))
        #expect(try harness.reply(1, to: .getData).header.error == .noAuth)
        harness.ask(1, .auth(scheme: "digest", credentials: ByteBuffer(string: "bob:secret")))
        _ = try harness.reply(1, to: .auth)
        _ = try harness.open(2, subject: "CN=root")
        for connection: UInt64 in 1...2 {
            harness.ask(connection, .getData(path: "/n", watch: false))
            #expect(try harness.reply(connection, to: .getData).header.error == .ok)
        }
    }

    @Test mutating func eventsAreForThoseWhoMayRead() throws {
        _ = try harness.open(1)
        _ = try harness.open(2)
        harness.ask(2, .addWatch(path: "/hidden", mode: 0))
        _ = try harness.reply(2, to: .addWatch)
        try harness.create(1, "/hidden", acl: [ACL(.all, ZooKeeperID(scheme: "ip", id: "10.0.0.1"))])
        #expect(harness.sent[2]?.isEmpty == true)
        try harness.create(1, "/hidden/x")
        #expect(harness.sent[2]?.isEmpty == true)
    }

    @Test mutating func watchesGoWithTheirConnection() throws {
        _ = try harness.open(1)
        _ = try harness.open(2)
        harness.ask(2, .exists(path: "/a", watch: true))
        _ = try harness.reply(2, to: .exists)
        #expect(harness.kernel.watchCounts().total == 1)
        harness.step(.disconnected(ConnectionID(2)))
        #expect(harness.kernel.watchCounts().total == 0)
        #expect(try harness.create(1, "/a") == .ok)
    }

    @Test mutating func snapshotsAreAskedForByCount() throws {
        harness = KernelHarness { $0.changesPerSnapshot = 10 }
        _ = try harness.open(1)
        for number in 0..<25 {
            try harness.create(1, "/n\(number)")
        }
        #expect(harness.snapshotsAsked == 2)
    }

    @Test mutating func snapshotsAreAskedForBySize() throws {
        harness = KernelHarness { $0.logBytesPerSnapshot = 10_000 }
        _ = try harness.open(1)
        for number in 0..<25 {
            let create = CreateOperation(
                path: "/n\(number)", data: ByteBuffer(repeating: 1, count: 1000), acl: ACL.open, mode: .persistent)
            harness.ask(1, .change(.create(create)))
        }
        #expect(harness.snapshotsAsked == 2)
    }
}
