import NIOCore
import Quorum
import Seams
import Testing
import ZooKeeperProtocol

@testable import CoordinatorKernel

/// Members of one ensemble and their clients, without faults but for members that are cut off.
@Suite struct EnsembleTests {
    private func elected(observers: Int64 = 0) throws -> (EnsembleHarness, leader: MemberID, followers: [MemberID]) {
        var ensemble = EnsembleHarness(observers: observers)
        try ensemble.run { $0.leader != nil && $0.kernels.values.allSatisfy { $0.role.isServing } }
        return (ensemble, try #require(ensemble.leader), ensemble.followers)
    }

    @Test func whatIsWrittenAtOneMemberIsReadAtAnother() throws {
        var (ensemble, leader, followers) = try elected()
        #expect(followers.count == 2)
        for (connection, member) in zip(UInt64(1)..., [leader] + followers) {
            #expect(try ensemble.connect(connection, to: member).sessionID >> 56 == member.number)
        }
        ensemble.ask(2, EnsembleHarness.create("/a"))
        #expect(try ensemble.reply(2, to: .create).header.error == .ok)
        for connection: UInt64 in 1...3 {
            ensemble.ask(connection, .sync(path: "/a"))
            #expect(try ensemble.reply(connection, to: .sync).header.error == .ok)
            ensemble.ask(connection, .exists(path: "/a", watch: false))
            #expect(try ensemble.reply(connection, to: .exists).header.error == .ok)
        }
        ensemble.ask(3, EnsembleHarness.create("/a"))
        #expect(try ensemble.reply(3, to: .create).header.error == .nodeExists)
    }

    @Test func whatAClientAsksIsAuditedWhereItIsConnected() throws {
        var ensemble = EnsembleHarness {
            $0.audits = true
            $0.tree.checksACLs = false
        }
        try ensemble.elect()
        let (leader, follower) = (try #require(ensemble.leader), ensemble.followers[0])
        _ = try ensemble.connect(1, to: follower)
        ensemble.ask(1, EnsembleHarness.create("/e", .ephemeralSequential))
        _ = try ensemble.reply(1, to: .create)
        ensemble.ask(1, .change(.delete(path: "/none", version: -1)))
        #expect(try ensemble.reply(1, to: .delete).header.error == .noNode)
        ensemble.ask(
            1, .exists(path: "/e", watch: false), .reconfig(joining: nil, leaving: "9,x", newMembers: nil, version: -1))
        _ = try ensemble.reply(1, to: .exists)
        #expect(try ensemble.reply(1, to: .reconfig).header.error == .badArguments)
        let asked = ["create /e0000000000 success", "delete /none failure", "reconfig - failure"]
        #expect(ensemble.audited(at: follower) == asked)
        #expect(ensemble.audited(at: leader) == [])
        _ = try ensemble.connect(2, to: leader)
        ensemble.ask(2, EnsembleHarness.create("/l"))
        _ = try ensemble.reply(2, to: .create)
        #expect(ensemble.audited(at: leader) == ["create /l success"])
        // What goes with a session is told by all.
        ensemble.ask(1, .closeSession)
        _ = try ensemble.reply(1, to: .closeSession)
        try ensemble.run { $0.audited(at: leader).count == 2 && $0.audited(at: follower).count == 4 }
        let gone = "ephemeralZNodeDeletionOnSessionCloseOrExpire /e0000000000 success"
        for id in [leader, follower] { #expect(ensemble.audited(at: id).last == gone) }
    }

    @Test(arguments: [false, true])
    func whatAccessListsForbidIsRefusedBeforeTheLeaderIsAsked(checksAccessEarly: Bool) throws {
        var ensemble = EnsembleHarness { $0.checksAccessEarly = checksAccessEarly }
        try ensemble.elect()
        let follower = ensemble.followers[0]
        _ = try ensemble.connect(1, to: follower)
        let acl = [ACL([.read, .admin], .anyone)]
        ensemble.ask(1, .change(.create(CreateOperation(path: "/a", data: nil, acl: acl, mode: .persistent))))
        #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        let before = try #require(ensemble.kernels[follower]?.lastZxid)
        // In order, also behind a question that the leader has not answered.
        ensemble.ask(
            1, .sync(path: "/"), .change(.setData(path: "/a", data: nil, version: -1)), EnsembleHarness.create("/a/b"))
        _ = try ensemble.reply(1, to: .sync)
        #expect(try ensemble.reply(1, to: .setData).header.error == .noAuth)
        #expect(try ensemble.reply(1, to: .create).header.error == .noAuth)
        ensemble.ask(1, .change(.delete(path: "/none", version: -1)))
        #expect(try ensemble.reply(1, to: .delete).header.error == .noNode)
        ensemble.ask(1, .setACL(path: "/a", acl: ACL.open, version: -1))
        #expect(try ensemble.reply(1, to: .setACL).header.error == .ok)
        // Each failure that the leader decides uses up a zxid.
        #expect(ensemble.kernels[follower]?.lastZxid == before + (checksAccessEarly ? 2 : 4))
    }

    @Test func treesThatDifferAreTold() throws {
        var ensemble = EnsembleHarness { $0.tree.keepsDigest = true }
        try ensemble.elect()
        let (leader, follower) = (try #require(ensemble.leader), ensemble.followers[0])
        _ = try ensemble.connect(1, to: follower)
        for number in 0..<300 {
            ensemble.ask(1, EnsembleHarness.create("/n\(number)"))
            #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        }
        let digests = try #require(ensemble.kernels[leader]?.digests)
        #expect(digests.count == 3 && ensemble.kernels[follower]?.digests == digests)
        func mismatches(_ id: MemberID) -> Int64? { ensemble.kernels[id]?.ensembleStatus?.statistics.digestMismatches }
        #expect(mismatches(leader) == 0 && mismatches(follower) == 0)
        var wrong = digests[1]
        wrong.digest ^= 1
        ensemble.step(leader, .heard(follower, [.digest(wrong), .digest(digests[2])]))
        ensemble.deliver()
        // The follower is told what the leader has, and its own tree is the same.
        #expect(mismatches(leader) == 1 && mismatches(follower) == 0)
        ensemble.step(follower, .heard(leader, [.digest(wrong)]))
        ensemble.deliver()
        #expect(mismatches(leader) == 1 && mismatches(follower) == 1)
    }

    @Test func syncsThatWaitAreCounted() throws {
        var (ensemble, leader, followers) = try elected()
        func pending() -> Int? {
            guard case .leader(let leadership)? = ensemble.kernels[leader]?.role else { return nil }
            return leadership.pendingSyncCount
        }
        _ = try ensemble.connect(1, to: leader)
        #expect(pending() == 0)
        ensemble.ask(1, .sync(path: "/"))
        #expect(pending() == 1)
        ensemble.deliver()
        #expect(pending() == 0 && followers.count == 2)
    }

    @Test func membersRestoredFromABackupGoOnInAnEpochAboveIt() throws {
        var (ensemble, leader, _) = try elected()
        _ = try ensemble.connect(1, to: leader)
        ensemble.ask(1, EnsembleHarness.create("/a"))
        #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        // Some epochs later.
        for _ in 0..<3 {
            let former = try #require(ensemble.leader)
            ensemble.cutOff = [former]
            try ensemble.run { $0.leader != nil }
            ensemble.cutOff = []
            try ensemble.elect()
        }
        let last = try #require(ensemble.leader)
        let state = try #require(ensemble.kernels[last]?.state)
        var restored = try EnsembleHarness(restoredFrom: state)
        try restored.elect()
        leader = try #require(restored.leader)
        #expect(Epoch.of(zxid: restored.kernels[leader]?.lastZxid ?? 0) > Epoch.of(zxid: state.lastZxid))
        _ = try restored.connect(2, to: leader)
        restored.ask(2, .exists(path: "/a", watch: false))
        #expect(try restored.reply(2, to: .exists).header.error == .ok)
        restored.ask(2, EnsembleHarness.create("/b"))
        #expect(try restored.reply(2, to: .create).header.error == .ok)
    }

    @Test func readsOfASessionSeeItsWritesBeforeAndNotThoseBehind() throws {
        var (ensemble, _, followers) = try elected()
        _ = try ensemble.connect(1, to: followers[0])
        ensemble.ask(
            1, .exists(path: "/a", watch: false), EnsembleHarness.create("/a"), .exists(path: "/a", watch: false),
            .exists(path: "/b", watch: false), EnsembleHarness.create("/b"), .exists(path: "/b", watch: false))
        var errors: [ZooKeeperError] = []
        for opCode: OpCode in [.exists, .create, .exists, .exists, .create, .exists] {
            errors.append(try ensemble.reply(1, to: opCode).header.error)
        }
        #expect(errors == [.noNode, .ok, .ok, .noNode, .ok, .ok])
    }

    @Test func aLeaderThatIsCutOffAnswersToNoSync() throws {
        var (ensemble, leader, followers) = try elected()
        _ = try ensemble.connect(1, to: leader)
        _ = try ensemble.connect(2, to: followers[0])
        ensemble.cutOff = [followers[1]]
        for connection: UInt64 in 1...2 {
            ensemble.ask(connection, .sync(path: "/"), .sync(path: "/"))
            for _ in 0..<2 {
                #expect(try ensemble.reply(connection, to: .sync).header.error == .ok, "a quorum is left")
            }
        }
        ensemble.cutOff = Set(followers)
        ensemble.ask(1, .exists(path: "/", watch: false))
        #expect(try ensemble.reply(1, to: .exists).header.error == .ok)
        ensemble.ask(1, .sync(path: "/"))
        ensemble.deliver()
        #expect(ensemble.sent[1, default: []].isEmpty)
        ensemble.cutOff = [leader]
        try ensemble.run { $0.leader != nil }
        #expect(ensemble.ended.contains(1))
        #expect(ensemble.sent[1, default: []].isEmpty)
    }

    @Test func aWatchFiresAtTheMemberWhereItWasSet() throws {
        var (ensemble, leader, followers) = try elected()
        _ = try ensemble.connect(1, to: followers[0])
        _ = try ensemble.connect(2, to: leader)
        ensemble.ask(1, .exists(path: "/a", watch: true))
        #expect(try ensemble.reply(1, to: .exists).header.error == .noNode)
        ensemble.ask(2, EnsembleHarness.create("/a"))
        #expect(try ensemble.reply(2, to: .create).header.error == .ok)
        let frame = try ensemble.next(1)
        #expect(frame.getInteger(at: frame.readerIndex, as: Int32.self) == SpecialXID.watchEvent)
    }

    @Test func aSessionMovesBetweenMembers() throws {
        var (ensemble, leader, followers) = try elected()
        let opened = try ensemble.connect(1, to: followers[0])
        ensemble.ask(1, EnsembleHarness.create("/mine", .ephemeral))
        #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        var request = ConnectRequest(timeout: 10_000)
        request.sessionID = opened.sessionID
        request.password = opened.password
        for (connection, member) in zip(UInt64(2)..., [followers[1], leader, followers[0]]) {
            #expect(try ensemble.connect(connection, to: member, request).sessionID == opened.sessionID)
            #expect(ensemble.ended.contains(connection - 1), "the session is served elsewhere")
        }
        ensemble.ask(4, .exists(path: "/mine", watch: false))
        #expect(try ensemble.reply(4, to: .exists).header.error == .ok)
        request.password = ByteBuffer(repeating: 9, count: 16)
        #expect(try ensemble.connect(5, to: followers[1], request).sessionID == 0)
        #expect(ensemble.ended.contains(5))
    }

    @Test func withoutItsLeaderAMemberEndsConnectionsAndAnotherLeads() throws {
        var (ensemble, leader, followers) = try elected()
        let opened = try ensemble.connect(1, to: followers[0])
        _ = try ensemble.connect(2, to: leader)
        ensemble.ask(2, EnsembleHarness.create("/unheard"))
        ensemble.cutOff = [leader]
        ensemble.deliver()
        try ensemble.run { $0.leader != nil }
        #expect(ensemble.ended.contains(1))
        #expect(ensemble.ended.contains(2), "the old leader has found out")
        var request = ConnectRequest(timeout: 10_000)
        request.sessionID = opened.sessionID
        request.password = opened.password
        try ensemble.run { $0.kernels[followers[0]]?.role.isServing == true }
        #expect(try ensemble.connect(3, to: followers[0], request).sessionID == opened.sessionID)
        ensemble.ask(3, EnsembleHarness.create("/heard"))
        #expect(try ensemble.reply(3, to: .create).header.error == .ok)
    }

    @Test func aSilentSessionExpiresEverywhere() throws {
        var (ensemble, leader, followers) = try elected()
        _ = try ensemble.connect(1, to: followers[0])
        _ = try ensemble.connect(2, to: leader)
        ensemble.ask(1, EnsembleHarness.create("/silent", .ephemeral))
        #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        let end = ensemble.now + .seconds(20)
        while ensemble.now < end {
            let next = ensemble.now + .seconds(1)
            try ensemble.run { $0.now >= next }
            ensemble.ask(2, .ping)
            _ = try ensemble.reply(2, to: .ping)
        }
        #expect(ensemble.ended.contains(1))
        #expect(!ensemble.ended.contains(2))
        ensemble.ask(2, .exists(path: "/silent", watch: false))
        #expect(try ensemble.reply(2, to: .exists).header.error == .noNode)
    }

    @Test func closingASessionIsAnswered() throws {
        var (ensemble, _, followers) = try elected()
        _ = try ensemble.connect(1, to: followers[0])
        ensemble.ask(1, EnsembleHarness.create("/mine", .ephemeral), .closeSession)
        #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        #expect(try ensemble.reply(1, to: .closeSession).header.error == .ok)
        #expect(ensemble.ended.contains(1))
    }

    @Test func anObserverServesWithoutAVote() throws {
        var (ensemble, _, followers) = try elected(observers: 1)
        let observer = MemberID(4)
        #expect(ensemble.kernels[observer]?.role == .observer)
        _ = try ensemble.connect(1, to: observer)
        ensemble.ask(1, EnsembleHarness.create("/a"))
        #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        ensemble.cutOff = Set(followers)
        try ensemble.run { $0.kernels[observer]?.role == .looking }
        #expect(ensemble.ended.contains(1))
    }

    @Test func membersJoinAndLeave() throws {
        var (ensemble, leader, followers) = try elected()
        var joined = try #require(ensemble.kernels[leader]?.ensembleStatus?.quorum.membership)
        let newcomer = Membership.Member(id: MemberID(7), address: "host7:2888:3888;2181")
        joined = Membership(joined.members + [newcomer])
        ensemble.start(MemberID(7), joined)
        try ensemble.run { $0.kernels[MemberID(7)]?.role.isServing == true }
        _ = try ensemble.connect(1, to: followers[0])
        ensemble.ask(
            1, .auth(scheme: "digest", credentials: ByteBuffer(string: "super:secret")),
            .reconfig(joining: newcomer.configurationLine, leaving: nil, newMembers: nil, version: -1))
        _ = try ensemble.next(1)
        #expect(try ensemble.reply(1, to: .reconfig).header.error == .noAuth)
        ensemble.ask(
            1, .reconfig(joining: "server.999=host:1:2:observer;3", leaving: nil, newMembers: nil, version: -1))
        #expect(try ensemble.reply(1, to: .reconfig).header.error == .noAuth)
        // What is asked for is looked at before who asks.
        ensemble.ask(1, .reconfig(joining: "nonsense", leaving: nil, newMembers: nil, version: -1))
        #expect(try ensemble.reply(1, to: .reconfig).header.error == .badArguments)
        ensemble.ask(
            1, .reconfig(joining: newcomer.configurationLine, leaving: nil, newMembers: nil, version: 1 << 40))
        #expect(try ensemble.reply(1, to: .reconfig).header.error == .badVersion)
        var open = EnsembleHarness { $0.tree.checksACLs = false }
        try open.elect()
        open.start(MemberID(7), joined) { $0.tree.checksACLs = false }
        try open.run { $0.kernels[MemberID(7)]?.role.isServing == true }
        _ = try open.connect(1, to: open.followers[0])
        open.ask(1, .reconfig(joining: newcomer.configurationLine, leaving: nil, newMembers: nil, version: -1))
        let reply = try open.reply(1, to: .reconfig)
        #expect(reply.header.error == .ok)
        try open.run { $0.kernels.values.allSatisfy { $0.ensembleStatus?.quorum.membership.members.count == 4 } }
        let oldLeader = try #require(open.leader)
        open.ask(
            1, .reconfig(joining: nil, leaving: "\(oldLeader)", newMembers: nil, version: -1))
        #expect(try open.reply(1, to: .reconfig).header.error == .ok)
        try open.run { $0.leader != nil && $0.leader != oldLeader }
        #expect(open.kernels[try #require(open.leader)]?.ensembleStatus?.quorum.membership[oldLeader] == nil)
    }
}
