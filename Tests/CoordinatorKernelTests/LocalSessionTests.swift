import NIOCore
import Quorum
import Seams
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorKernel

/// Sessions that one member alone knows: by a coordinator of its own, a leader and a follower.
@Suite struct LocalSessionTests {
    @Test func aLocalSessionIsNoChange() throws {
        var harness = KernelHarness { $0.localSessions = .always }
        let before = harness.kernel.lastZxid
        let granted = try harness.open(1)
        #expect(harness.kernel.lastZxid == before)
        #expect(try harness.create(1, "/a") == .ok)
        let zxid = harness.kernel.lastZxid
        #expect(try harness.create(1, "/e", .ephemeral) == .ephemeralOnLocalSession)
        let create = CreateOperation(path: "/e", data: nil, acl: ACL.open, mode: .ephemeralSequential)
        harness.ask(1, .multi([.check(path: "/a", version: 0), .create(create)]))
        #expect(try harness.reply(1, to: .multi).header.error == .ephemeralOnLocalSession)
        #expect(harness.kernel.lastZxid == zxid)
        // It goes on over another connection, and ends the first.
        harness.arrive(2)
        var request = ConnectRequest(timeout: 10_000)
        request.sessionID = granted.sessionID
        request.password = granted.password
        #expect(try harness.connect(2, request).sessionID == granted.sessionID)
        #expect(harness.ended == [1: ""])
        harness.ask(2, .closeSession)
        #expect(try harness.reply(2, to: .closeSession).header.error == .ok)
        #expect(harness.kernel.lastZxid == zxid)
        harness.arrive(3)
        #expect(try harness.connect(3, request).sessionID == 0)
    }

    @Test func aLocalSessionExpires() throws {
        var harness = KernelHarness { $0.localSessions = .always }
        _ = try harness.open(1)
        harness.now = harness.now + .seconds(9)
        harness.ask(1, .ping)
        _ = try harness.reply(1, to: .ping)
        harness.now = harness.now + .seconds(9)
        harness.step(.ticked)
        #expect(harness.ended.isEmpty)
        harness.now = harness.now + .seconds(1)
        harness.step(.ticked)
        #expect(harness.ended == [1: ""])
    }

    @Test func anEphemeralNodeMakesItGlobal() throws {
        var harness = KernelHarness { $0.localSessions = .upgraded }
        let session = try harness.open(1).sessionID
        #expect(harness.kernel.tree.timeoutInMilliseconds(ofSession: session) == nil)
        #expect(try harness.create(1, "/e", .ephemeral) == .ok)
        #expect(harness.kernel.tree.timeoutInMilliseconds(ofSession: session) == 10_000)
        #expect(harness.kernel.tree.ephemerals(ofSession: session) == ["/e"])
        harness.now = harness.now + .seconds(20)
        harness.step(.ticked)
        #expect(harness.ended == [1: ""])
        #expect(harness.kernel.tree.ephemerals(ofSession: session) == [])
    }

    /// The leader's and a follower's clients alike.
    @Test func membersKeepTheirLocalSessionsToThemselves() throws {
        var ensemble = EnsembleHarness { $0.localSessions = .upgraded }
        try ensemble.elect()
        let members = [try #require(ensemble.leader), ensemble.followers[0]]
        for (connection, member) in zip(UInt64(1)..., members) {
            let granted = try ensemble.connect(connection, to: member)
            let session = granted.sessionID
            #expect(ensemble.kernels.values.allSatisfy { $0.tree.sessions.contains(session) == false })
            ensemble.ask(connection, EnsembleHarness.create("/plain\(connection)"))
            #expect(try ensemble.reply(connection, to: .create).header.error == .ok)
            var request = ConnectRequest(timeout: 10_000)
            request.sessionID = session
            request.password = granted.password
            // Elsewhere nobody knows it.
            #expect(try ensemble.connect(connection + 10, to: ensemble.followers[1], request).sessionID == 0)
            ensemble.ask(
                connection, EnsembleHarness.create("/e\(connection)", .ephemeral), .getEphemerals(prefix: "/"))
            #expect(try ensemble.reply(connection, to: .create).header.error == .ok)
            #expect(try ensemble.reply(connection, to: .getEphemerals).body == .strings(["/e\(connection)"]))
            // Now everybody does.
            #expect(try ensemble.connect(connection + 20, to: ensemble.followers[1], request).sessionID == session)
        }
    }

    @Test func aFollowerRefusesEphemeralNodesOfLocalSessions() throws {
        var ensemble = EnsembleHarness { $0.localSessions = .always }
        try ensemble.elect()
        _ = try ensemble.connect(1, to: ensemble.followers[0])
        ensemble.ask(1, EnsembleHarness.create("/a"), EnsembleHarness.create("/e", .ephemeral), .closeSession)
        #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        #expect(try ensemble.reply(1, to: .create).header.error == .ephemeralOnLocalSession)
        #expect(try ensemble.reply(1, to: .closeSession).header.error == .ok)
        #expect(ensemble.ended == [1])
    }
}
