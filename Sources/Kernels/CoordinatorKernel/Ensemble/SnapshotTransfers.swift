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
///
/// receiving —(the last chunk)→ loading —(understood, and still needed)→ loaded —(in the place of all else)→ gone
/// Any of them ends early when the leader is lost, begins again, or the disk has no room.
struct SnapshotArrival: Sendable {
    enum Phase: Sendable {
        case receiving(nextNumber: Int)
        case loading
        case loaded(RestoredTree)
    }

    let leader: MemberID
    let epoch: Int32
    let zxid: Int64
    var phase = Phase.receiving(nextNumber: 0)

    func isLoading(from member: MemberID, epoch: Int32) -> Bool {
        guard case .loading = phase else { return false }
        return leader == member && self.epoch == epoch
    }
}

extension CoordinatorKernel {
    // MARK: Leading

    mutating func beginTransfer(to member: MemberID, into effects: inout [CoordinatorEffect]) {
        // The leader tries again, with a tree that is sound.
        guard ensemble?.isRestoring == false else { return }
        var state = tree.hard
        // The leader may need that very member to commit what the newest state holds: as long as it has committed nothing
        // in its epoch, or when that is what an earlier transfer waits for.
        let waits = ensemble?.transfers[member].map { $0.zxid > gate.committed } ?? false
        if waits || ensemble?.quorum.isEstablished == false, let settled = ensemble?.settled,
            ensemble?.quorum.hasCommittedEntries(behind: settled.lastZxid) == true
        {
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
            forgetArrival(into: &effects)
            ensemble?.arrival = SnapshotArrival(leader: member, epoch: chunk.epoch, zxid: chunk.zxid)
            effects.append(.receiveSnapshot(zxid: chunk.zxid))
        }
        guard let arrival = ensemble?.arrival, arrival.zxid == chunk.zxid, arrival.leader == member,
            arrival.epoch == chunk.epoch, case .receiving(chunk.number) = arrival.phase
        else { return }
        effects.append(.receiveChunk(chunk.bytes, number: chunk.number))
        if chunk.isLast {
            ensemble?.arrival?.phase = .loading
            effects.append(.loadSnapshot)
        } else {
            ensemble?.arrival?.phase = .receiving(nextNumber: chunk.number + 1)
        }
    }

    /// Lets the leader send more.
    mutating func chunkTaken(_ zxid: Int64, _ number: Int, into effects: inout [CoordinatorEffect]) {
        guard let arrival = ensemble?.arrival, arrival.zxid == zxid, case .receiving = arrival.phase else { return }
        let progress = SnapshotProgress(epoch: arrival.epoch, zxid: zxid, number: number)
        effects.append(.tell(arrival.leader, .snapshotReceived(progress)))
    }

    /// The leader's state has become a tree, which may have taken seconds: it may not be needed any more.
    mutating func snapshotLoaded(_ restored: RestoredTree, into effects: inout [CoordinatorEffect]) {
        guard let ensemble, let arrival = ensemble.arrival, arrival.zxid == restored.state.lastZxid,
            case .loading = arrival.phase
        else { return }
        guard ensemble.quorum.needsSnapshot(upTo: arrival.zxid, from: arrival.leader, epoch: arrival.epoch) else {
            return forgetArrival(into: &effects)
        }
        self.ensemble?.arrival?.phase = .loaded(restored)
        effects.append(.installSnapshot)
    }

    /// There is no room for the leader's state. The leader sends it again after a while.
    mutating func snapshotGivenUp(_ zxid: Int64) {
        if ensemble?.arrival?.zxid == zxid { ensemble?.arrival = nil }
    }

    /// Nothing more is done with what has arrived of the leader's state.
    mutating func forgetArrival(into effects: inout [CoordinatorEffect]) {
        guard ensemble?.arrival != nil else { return }
        ensemble?.arrival = nil
        effects.append(.discardSnapshot)
    }

    /// The leader's state is durable here, in place of all that was.
    mutating func snapshotInstalled(at now: Instant, into effects: inout [CoordinatorEffect]) {
        guard let quorum = ensemble?.quorum, case .loaded(let restored)? = ensemble?.arrival?.phase else { return }
        ensemble?.arrival = nil
        // What clients watch may have changed without their being told.
        if ensemble?.isServing == true { stopServing(at: now, into: &effects) }
        tree = restored.tree
        ensemble?.settled = nil
        ensemble?.unapplied = []
        ensemble?.awaitedRestoration = nil
        pendingSnapshot = nil
        changesSinceSnapshot = 0
        bytesSinceSnapshot = 0
        shareSecret()
        gate = CommitGate(committed: lastZxid)
        let membership = Membership(shownBy: tree.hard) ?? quorum.membership
        stepQuorum(.snapshotInstalled(zxid: lastZxid, membership), at: now, into: &effects)
    }
}
