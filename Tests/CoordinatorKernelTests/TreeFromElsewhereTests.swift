import NIOCore
import Quorum
import Seams
import Testing
import ZooKeeperProtocol

@testable import CoordinatorKernel
@testable import ZNodes

/// Members that make their tree anew, which takes long, go on as members meanwhile.
@Suite struct TreeFromElsewhereTests {
    private func elected(_ quorum: QuorumSettings = QuorumSettings()) throws -> EnsembleHarness {
        var ensemble = EnsembleHarness(quorum: quorum)
        try ensemble.run { $0.leader != nil && $0.kernels.values.allSatisfy { $0.role.isServing } }
        return ensemble
    }

    private func isThere(_ path: String, at id: MemberID, _ ensemble: EnsembleHarness) -> Bool {
        ensemble.kernels[id]?.state.nodes[path] != nil
    }

    private func campaigns(_ ensemble: EnsembleHarness) -> Int {
        ensemble.reported.values.joined().filter { if case .quorum(.campaigning) = $0 { true } else { false } }.count
    }

    private func sentSnapshots(_ ensemble: EnsembleHarness) -> Int {
        ensemble.reported.values.joined().filter { if case .sendingSnapshot = $0 { true } else { false } }.count
    }

    /// A member has missed more than its leader keeps; the state has arrived there, and is being made a tree.
    private func lagging() throws -> (EnsembleHarness, leader: MemberID, laggard: MemberID) {
        var quorum = QuorumSettings()
        quorum.recentLogSizeInBytes = 2000
        var ensemble = try elected(quorum)
        let leader = try #require(ensemble.leader)
        let laggard = try #require(ensemble.followers.last)
        ensemble.cutOff = [laggard]
        _ = try ensemble.connect(1, to: leader)
        for number in 0..<100 {
            ensemble.ask(1, EnsembleHarness.create("/n\(number)"))
            #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        }
        ensemble.run(for: .seconds(2))
        ensemble.cutOff = []
        try ensemble.run { $0.arrived[laggard] != nil }
        return (ensemble, leader, laggard)
    }

    @Test func whileTheLeadersStateIsLoadedHeartbeatsAreAnswered() throws {
        var (ensemble, leader, laggard) = try lagging()
        let before = campaigns(ensemble)
        for number in 0..<10 {
            ensemble.run(for: .seconds(3))
            ensemble.ask(1, EnsembleHarness.create("/late\(number)"))
            #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        }
        #expect(campaigns(ensemble) == before)
        #expect(ensemble.leader == leader)
        #expect(sentSnapshots(ensemble) == 1, "it is not sent again while it is being loaded")
        #expect(!isThere("/n99", at: laggard, ensemble))
        try ensemble.endLoading(laggard)
        #expect(isThere("/n99", at: laggard, ensemble))
        try ensemble.run { isThere("/late9", at: laggard, $0) && $0.kernels[laggard]?.role.isServing == true }
    }

    @Test func aStateWhoseLeaderIsGoneIsNotInstalled() throws {
        var (ensemble, leader, laggard) = try lagging()
        ensemble.cutOff = [leader, laggard]
        let arrived = try #require(ensemble.arrived[laggard])
        ensemble.run(for: .seconds(3))
        ensemble.step(laggard, .snapshotLoaded(arrived))
        #expect(!isThere("/n99", at: laggard, ensemble))
        // The next leader, which commits nothing before this member has its state, sends it.
        ensemble.cutOff = [leader]
        while !isThere("/n99", at: laggard, ensemble) {
            try ensemble.run { $0.arrived[laggard] != nil }
            try ensemble.endLoading(laggard)
        }
        try ensemble.run { $0.kernels[laggard]?.role.isServing == true }
    }

    @Test func aStateForWhichThereIsNoRoomIsSentAgain() throws {
        var (ensemble, _, laggard) = try lagging()
        let arrived = try #require(ensemble.arrived[laggard])
        ensemble.step(laggard, .snapshotGivenUp(zxid: arrived.state.lastZxid))
        try ensemble.run { sentSnapshots($0) == 2 }
        try ensemble.endLoading(laggard)
        #expect(isThere("/n99", at: laggard, ensemble))
    }

    /// A leader has applied a change that no other has; the others have elected one of them, and made changes.
    private func deposed() throws -> (EnsembleHarness, deposed: MemberID, leader: MemberID) {
        var ensemble = try elected()
        let deposed = try #require(ensemble.leader)
        _ = try ensemble.connect(1, to: deposed)
        ensemble.cutOff = [deposed]
        ensemble.ask(1, EnsembleHarness.create("/vanishes"))
        ensemble.deliver()
        #expect(isThere("/vanishes", at: deposed, ensemble))
        try ensemble.run { $0.leader != nil }
        let leader = try #require(ensemble.leader)
        try ensemble.run { $0.kernels[leader]?.role.isServing == true }
        _ = try ensemble.connect(2, to: leader)
        ensemble.ask(2, EnsembleHarness.create("/stays"))
        #expect(try ensemble.reply(2, to: .create).header.error == .ok)
        ensemble.cutOff = []
        try ensemble.run { $0.restoring[deposed] != nil }
        return (ensemble, deposed, leader)
    }

    @Test func whileTheTreeIsRestoredHeartbeatsAreAnswered() throws {
        var (ensemble, deposed, leader) = try deposed()
        let before = campaigns(ensemble)
        ensemble.run(for: .seconds(10))
        ensemble.ask(2, EnsembleHarness.create("/meanwhile"))
        #expect(try ensemble.reply(2, to: .create).header.error == .ok)
        #expect(campaigns(ensemble) == before)
        #expect(ensemble.leader == leader)
        #expect(ensemble.kernels[deposed]?.role.isServing == false, "its tree is not what the others have")
        try ensemble.endRestoring(deposed)
        try ensemble.run { $0.kernels[deposed]?.role.isServing == true }
        #expect(!isThere("/vanishes", at: deposed, ensemble))
        #expect(isThere("/stays", at: deposed, ensemble) && isThere("/meanwhile", at: deposed, ensemble))
    }

    @Test func whoIsElectedWhileItRestoresBeginsWhenThatIsDone() throws {
        var (ensemble, deposed, leader) = try deposed()
        ensemble.run(for: .seconds(1))
        // Only those two have what the leader has committed, or all of its log.
        ensemble.step(leader, .resigned)
        ensemble.cutOff = [leader]
        let third = try #require(ensemble.kernels.keys.first { $0 != leader && $0 != deposed })
        ensemble.run(for: .seconds(5))
        if ensemble.kernels[deposed]?.role.isServing != true, ensemble.restoring[deposed] != nil {
            try ensemble.endRestoring(deposed)
        }
        try ensemble.run { $0.kernels[deposed]?.role.isServing == true && $0.kernels[third]?.role.isServing == true }
        for id in [deposed, third] {
            #expect(!isThere("/vanishes", at: id, ensemble))
            #expect(isThere("/stays", at: id, ensemble))
        }
    }

    @Test func aTreeThatWasRestoredTooEarlyIsNotTaken() throws {
        var (ensemble, deposed, _) = try deposed()
        let (number, tree) = try #require(ensemble.restoring[deposed])
        ensemble.step(deposed, .restored(tree, number: number - 1))
        #expect(isThere("/vanishes", at: deposed, ensemble))
        try ensemble.endRestoring(deposed)
        #expect(!isThere("/vanishes", at: deposed, ensemble))
    }
}
