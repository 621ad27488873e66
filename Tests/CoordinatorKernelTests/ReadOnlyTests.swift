import NIOCore
import Quorum
import Seams
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorKernel

/// A member that is cut off from the quorum.
@Suite struct ReadOnlyTests {
    private var ensemble: EnsembleHarness
    private let alone: MemberID
    private let granted: ConnectResponse

    init() throws {
        ensemble = EnsembleHarness { $0.servesReadOnly = true }
        try ensemble.elect()
        alone = ensemble.followers[0]
        granted = try ensemble.connect(1, to: alone)
        #expect(granted.readOnly == false)
        ensemble.ask(1, EnsembleHarness.create("/a"))
        _ = try ensemble.reply(1, to: .create)
    }

    private mutating func cutOff() throws {
        ensemble.cutOff = [alone]
        let alone = alone
        try ensemble.run { $0.kernels[alone]?.role == .readOnly }
    }

    private func readOnly(_ change: (inout ConnectRequest) -> Void = { _ in }) -> ConnectRequest {
        var request = ConnectRequest(timeout: 10_000)
        request.readOnly = true
        change(&request)
        return request
    }

    /// Connects somebody who is sent away without an answer.
    private mutating func isRefused(_ connection: UInt64, _ request: ConnectRequest) -> Bool {
        var writer = WireWriter()
        request.write(to: &writer)
        ensemble.step(alone, .connected(ConnectionID(connection), address: "c:1", host: "c", subject: nil))
        ensemble.step(alone, .received(ConnectionID(connection), [writer.buffer()]))
        return ensemble.ended.contains(connection) && ensemble.sent[connection] == nil
    }

    @Test mutating func readsAreAnsweredAndWritesAreNot() throws {
        try cutOff()
        #expect(ensemble.ended == [1])
        #expect(try ensemble.connect(2, to: alone, readOnly()).readOnly == true)
        ensemble.ask(2, .exists(path: "/a", watch: true))
        #expect(try ensemble.reply(2, to: .exists).header.error == .ok)
        let refused: [ZooKeeperRequest] = [
            EnsembleHarness.create("/b"), .multi([]), .setACL(path: "/a", acl: ACL.open, version: -1),
            .sync(path: "/a"), .reconfig(joining: nil, leaving: nil, newMembers: nil, version: -1),
        ]
        for request in refused {
            ensemble.ask(2, request)
            #expect(try ensemble.reply(2, to: request.opCode).header.error == .notReadOnly)
        }
        ensemble.ask(2, .ping, .closeSession)
        #expect(try ensemble.reply(2, to: .ping).header.error == .ok)
        #expect(try ensemble.reply(2, to: .closeSession).header.error == .ok)
        #expect(ensemble.ended == [1, 2])
    }

    @Test mutating func whoWantsMoreIsSentAway() throws {
        try cutOff()
        #expect(isRefused(2, ConnectRequest(timeout: 10_000)))
        #expect(isRefused(3, readOnly { $0.readOnly = nil }))
        // Perhaps others know it.
        #expect(isRefused(4, readOnly { $0.sessionID = 77 }))
    }

    @Test mutating func aSessionOfTheEnsembleMayRead() throws {
        try cutOff()
        let granted = granted
        let resumed = try ensemble.connect(
            2, to: alone,
            readOnly {
                $0.sessionID = granted.sessionID
                $0.password = granted.password
            })
        #expect(resumed.sessionID == granted.sessionID && resumed.readOnly == true)
    }

    @Test mutating func withTheQuorumClientsComeBackForEverything() throws {
        try cutOff()
        let opened = try ensemble.connect(2, to: alone, readOnly())
        ensemble.cutOff = []
        let alone = alone
        try ensemble.run { $0.kernels[alone]?.role == .follower }
        #expect(ensemble.ended == [1, 2])
        let resumed = try ensemble.connect(
            3, to: alone,
            readOnly {
                $0.sessionID = opened.sessionID
                $0.password = opened.password
            })
        #expect(resumed.sessionID == 0)
        #expect(try ensemble.connect(4, to: alone, readOnly()).readOnly == false)
    }

    /// A leader that lost its followers has applied what nobody else may ever see.
    @Test mutating func whatMayStillVanishIsNotShown() throws {
        let leader = try #require(ensemble.leader)
        _ = try ensemble.connect(2, to: leader)
        ensemble.cutOff = [leader]
        ensemble.ask(2, EnsembleHarness.create("/uncertain"))
        try ensemble.run { $0.restoring[leader] != nil }
        #expect(ensemble.kernels[leader]?.role == .looking)
        try ensemble.endRestoring(leader)
        try ensemble.run { $0.kernels[leader]?.role == .readOnly }
        _ = try ensemble.connect(3, to: leader, readOnly())
        ensemble.ask(3, .exists(path: "/a", watch: false), .exists(path: "/uncertain", watch: false))
        #expect(try ensemble.reply(3, to: .exists).header.error == .ok)
        #expect(try ensemble.reply(3, to: .exists).header.error == .noNode)
    }

    /// Who led, and leads again, goes on with what it did not show meanwhile.
    @Test mutating func whatWasNotShownIsCommittedInTheEnd() throws {
        let leader = try #require(ensemble.leader)
        _ = try ensemble.connect(2, to: leader)
        ensemble.cutOff = Set(ensemble.kernels.keys)
        ensemble.ask(2, EnsembleHarness.create("/uncertain"))
        try ensemble.run { $0.restoring[leader] != nil }
        try ensemble.endRestoring(leader)
        ensemble.cutOff = [try #require(ensemble.kernels.keys.sorted().first { $0 != leader })]
        try ensemble.run { $0.leader == leader }
        _ = try ensemble.connect(3, to: leader)
        ensemble.ask(3, .exists(path: "/uncertain", watch: false))
        #expect(try ensemble.reply(3, to: .exists).header.error == .ok)
    }

    @Test func nobodyIsServedWhereItIsNotAllowed() throws {
        var ensemble = EnsembleHarness()
        try ensemble.elect()
        let alone = ensemble.followers[0]
        ensemble.cutOff = [alone]
        let before = ensemble.now
        try ensemble.run { $0.now >= before + .seconds(10) }
        #expect(ensemble.kernels[alone]?.role == .looking)
    }
}
