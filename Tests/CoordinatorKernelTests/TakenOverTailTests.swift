import NIOCore
import Quorum
import Seams
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorKernel
@testable import ZNodes

/// Members that took over what the servers of an Apache ZooKeeper ensemble left, of which one had logged a change that
/// no other has: nobody knows whether it was committed.
@Suite struct TakenOverTailTests {
    private static let base: Int64 = 7 << 32

    /// A member whose snapshot holds so many nodes, taken over.
    private func member(_ id: MemberID, _ count: Int64, at now: Instant) throws -> CoordinatorKernel {
        let settings = KernelSettings(sessionSecret: Array(repeating: UInt8(id.number), count: SessionSecret.size))
        var tree = RestoredTree(settings.tree)
        for number in 1...count {
            let change = TreeChange.created(path: "/n\(number)", data: nil, acl: ACL.open, lifetime: .persistent)
            var writer = WireWriter()
            TreeRecord(zxid: Self.base + number, time: 0, change: change).write(to: &writer)
            try tree.replay(LogEntry(zxid: Self.base + number, record: writer.buffer()))
        }
        let membership = Membership(
            (1...3).map { Membership.Member(id: MemberID($0), address: "host\($0):2888:3888") })
        let start = MemberStart(
            id: id, quorum: QuorumSettings(), membership: membership,
            promise: QuorumPromise(epoch: 7, standing: .voting), entries: [], snapshotZxid: Self.base + count,
            takenOverZxid: Self.base + count, seed: UInt64(id.number))
        return CoordinatorKernel(settings, restored: tree, memberOf: start, at: now)
    }

    /// Three members, of which the third has one change more.
    private func ensemble() throws -> EnsembleHarness {
        var ensemble = EnsembleHarness()
        for (number, count) in [(1, 4), (2, 4), (3, 5)] as [(Int64, Int64)] {
            ensemble.kernels[MemberID(number)] = try member(MemberID(number), count, at: ensemble.now)
        }
        return ensemble
    }

    private func nodes(_ ensemble: EnsembleHarness) -> Set<Bool> {
        Set(ensemble.kernels.values.map { $0.state.nodes["/n5"] != nil })
    }

    @Test func whoComesLateGivesUpWhatTheOthersDoNotHave() throws {
        var ensemble = try ensemble()
        let late = MemberID(3)
        ensemble.cutOff = [late]
        try ensemble.run { $0.leader != nil }
        _ = try ensemble.connect(1, to: try #require(ensemble.leader))
        ensemble.ask(1, EnsembleHarness.create("/new"))
        #expect(try ensemble.reply(1, to: .create).header.error == .ok)
        ensemble.cutOff = []
        try ensemble.run { $0.arrived[late] != nil }
        try ensemble.endLoading(late)
        try ensemble.run { $0.kernels[late]?.role.isServing == true }
        #expect(nodes(ensemble) == [false])
        #expect(ensemble.kernels[late]?.state.nodes["/new"] != nil)
    }

    @Test func whoIsThereFromTheStartGivesItToTheOthers() throws {
        var ensemble = try ensemble()
        // Of the two that are left only the third can lead.
        ensemble.cutOff = [MemberID(1)]
        for second in 0..<20 {
            if second == 10 { ensemble.cutOff = [] }
            ensemble.run(for: .seconds(1))
            for id in ensemble.arrived.keys.sorted() { try ensemble.endLoading(id) }
        }
        #expect(ensemble.kernels.values.allSatisfy { $0.role.isServing })
        #expect(nodes(ensemble) == [true])
    }

    @Test func whoHasTheSameNeedsNoState() throws {
        var ensemble = EnsembleHarness()
        for id in [1, 2, 3].map({ MemberID($0) }) { ensemble.kernels[id] = try member(id, 4, at: ensemble.now) }
        ensemble.cutOff = [MemberID(3)]
        try ensemble.run { $0.leader != nil }
        ensemble.cutOff = []
        try ensemble.run { $0.kernels.values.allSatisfy { $0.role.isServing } }
        #expect(ensemble.arrived.isEmpty)
        #expect(ensemble.reported.values.joined().allSatisfy { if case .sendingSnapshot = $0 { false } else { true } })
    }
}
