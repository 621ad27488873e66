import NIOCore
import Quorum
import Seams
import ZNodes

/// A leader's state on its way to a member that lags too far for entries.
///
/// Invariant: the last chunk leaves when the last change in it is committed, so that no member ever has a snapshot of
/// what could still vanish.
struct SnapshotTransfer: Sendable {
    /// Sent and not taken yet, at most.
    static let window = 8

    let zxid: Int64
    private var chunks: SnapshotChunks
    private var following: ByteBuffer?
    private var sentCount = 0
    private var takenCount = 0

    init(_ state: TreeState) {
        zxid = state.lastZxid
        chunks = state.snapshotChunks()
        following = chunks.next()
    }

    mutating func taken(_ number: Int) { takenCount = max(takenCount, number + 1) }

    /// The next chunk that may be sent; nil when it has to wait, or there is none.
    mutating func next(epoch: Int32, committed: Int64) -> SnapshotChunk? {
        guard let bytes = following, sentCount - takenCount < Self.window else { return nil }
        let afterwards = chunks.next()
        if afterwards == nil && committed < zxid { return nil }
        following = afterwards
        defer { sentCount += 1 }
        return SnapshotChunk(epoch: epoch, zxid: zxid, number: sentCount, bytes: bytes, isLast: afterwards == nil)
    }
}

/// The leader's state on its way to this member.
struct SnapshotArrival: Sendable {
    var zxid: Int64
    var nextNumber: Int
}

extension CoordinatorKernel {
    // MARK: Leading

    mutating func beginTransfer(to member: MemberID, into effects: inout [CoordinatorEffect]) {
        var state = tree.hard
        // The new leader may need that very member to commit what it has found.
        if let settled = ensemble?.settled, ensemble?.quorum.hasCommittedEntries(behind: settled.lastZxid) == true {
            state = settled
        }
        ensemble?.transfers[member] = SnapshotTransfer(state)
        ensemble?.statistics.sentSnapshots += 1
        effects.append(.report(.sendingSnapshot(to: member, zxid: state.lastZxid)))
        pumpTransfer(to: member, into: &effects)
    }

    /// Lets go of the state without what was not committed when this member came to lead, as soon as nobody lags so far
    /// that it could be needed: another epoch may begin without it.
    mutating func forgetSettledState() {
        guard let ensemble, ensemble.settled != nil, ensemble.isLeading, ensemble.isServing else { return }
        if ensemble.quorum.status.lagging.isEmpty { self.ensemble?.settled = nil }
    }

    mutating func pumpTransfers(into effects: inout [CoordinatorEffect]) {
        guard let transfers = ensemble?.transfers.keys, !transfers.isEmpty else { return }
        for member in transfers.sorted() { pumpTransfer(to: member, into: &effects) }
    }

    private mutating func pumpTransfer(to member: MemberID, into effects: inout [CoordinatorEffect]) {
        guard let quorum = ensemble?.quorum else { return }
        let (epoch, committed) = (quorum.promise.epoch, quorum.committed)
        while let chunk = ensemble?.transfers[member]?.next(epoch: epoch, committed: committed) {
            effects.append(.tell(member, .snapshotChunk(chunk)))
            if chunk.isLast { ensemble?.transfers[member] = nil }
        }
    }

    mutating func received(
        _ progress: SnapshotProgress, from member: MemberID, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        guard ensemble?.transfers[member]?.zxid == progress.zxid else { return }
        ensemble?.transfers[member]?.taken(progress.number)
        stepQuorum(.snapshotProgressed(member), at: now, into: &effects)
        pumpTransfer(to: member, into: &effects)
    }

    // MARK: Following

    mutating func received(
        _ chunk: SnapshotChunk, from member: MemberID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard ensemble?.quorum.needsSnapshot(upTo: chunk.zxid, from: member, epoch: chunk.epoch) == true else { return }
        if chunk.number == 0 {
            if ensemble?.arrival != nil { effects.append(.discardSnapshot) }
            ensemble?.arrival = SnapshotArrival(zxid: chunk.zxid, nextNumber: 0)
            effects.append(.receiveSnapshot(zxid: chunk.zxid))
        }
        guard let arrival = ensemble?.arrival, arrival.zxid == chunk.zxid, arrival.nextNumber == chunk.number else {
            return
        }
        ensemble?.arrival?.nextNumber += 1
        effects.append(.receiveChunk(chunk.bytes))
        if chunk.isLast {
            ensemble?.arrival = nil
            effects.append(.installSnapshot)
        } else {
            let progress = SnapshotProgress(epoch: chunk.epoch, zxid: chunk.zxid, number: chunk.number)
            effects.append(.tell(member, .snapshotReceived(progress)))
        }
    }

    /// The leader's state is durable here, in place of all that was.
    mutating func installed(
        _ restored: RestoredTree, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard let quorum = ensemble?.quorum else { return }
        // What clients watch may have changed without their being told.
        if ensemble?.isServing == true { stopServing(at: now, into: &effects) }
        tree = restored.tree
        ensemble?.settled = nil
        ensemble?.unapplied = []
        ensemble?.isRestoring = false
        pendingSnapshot = nil
        changesSinceSnapshot = 0
        bytesSinceSnapshot = 0
        shareSecret()
        gate = CommitGate(committed: lastZxid)
        let membership = Membership(shownBy: tree.hard) ?? quorum.membership
        stepQuorum(.snapshotInstalled(zxid: lastZxid, membership), at: now, into: &effects)
    }
}
