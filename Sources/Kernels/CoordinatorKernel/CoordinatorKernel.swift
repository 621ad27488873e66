import NIOCore
import Quorum
import Seams
import WireCoding
import ZNodes
import ZooKeeperProtocol

/// One coordinator as one value: clients' frames go in, changes to make durable and frames to send come out.
///
/// A change is applied as soon as it has been handed out for appending. Nothing that could have seen it is said before
/// it is durable: every reply, watch event and end of a connection passes one ``CommitGate``, so all leave in order.
package struct CoordinatorKernel: ProtocolCore, Sendable {
    let settings: KernelSettings
    var passwords: SessionPassword
    /// Of a member, as soon as it has heard of a leader's secret: 16 bytes that no other ensemble has.
    package internal(set) var ensembleID: [UInt8]?
    var tree: ZNodes
    /// nil for a coordinator of its own.
    var ensemble: EnsembleState?
    var gate: CommitGate<Outgoing>
    /// Let through by the gate, and not yet turned into effects.
    var leaving: [Outgoing] = []
    var clients: [ConnectionID: ClientConnection] = [:]
    /// Of all clients. Apart from them, for with each turn they change: a large value that is changed inside a dictionary
    /// is moved through memory that has to be found for it first.
    var statistics: [ConnectionID: ConnectionStatistics] = [:]
    /// nil when any number of clients may come.
    var connectingTokens: ConnectingTokens?
    /// Requests that wait for the leader, or behind one that does.
    var requestsInLine = 0
    var localSessions = LocalSessions()
    /// Connections that are served without a quorum.
    var readOnlyClients: Set<ConnectionID> = []
    /// The connection that serves a session now.
    var connectionOfSession: [Int64: ConnectionID] = [:]
    /// Tokens of SASL that are being looked at, and requests that wait behind them.
    var requestsBehindTokens = 0
    var server = ServerStatistics()
    /// How long a window of ``Distribution``s lasts.
    package static let statisticsWindow = Duration.seconds(60)
    var nextStatisticsTurn: Instant
    /// The id for the next session is above it.
    var lastSessionID: Int64
    var changesSinceSnapshot: Int
    var bytesSinceSnapshot = 0
    /// How often another state has taken the place of all there was.
    var replacementCount = 0
    /// To be written down once all of it is committed.
    var pendingSnapshot: TreeState?
    /// Whether the disk has room for changes.
    package internal(set) var hasRoom = true
    /// Requests to close sessions that came when there was no room.
    var postponedCloses: [Asked] = []

    /// A coordinator that goes on with what was restored; all of that is durable. Every session gets its whole timeout
    /// from now on.
    ///
    /// - Parameters:
    ///   - replayedCount: changes since the last snapshot.
    ///   - start: for a member of an ensemble.
    package init(
        _ settings: KernelSettings, restored: RestoredTree, replayedCount: Int = 0, memberOf start: MemberStart? = nil,
        at now: Instant
    ) {
        self.settings = settings
        passwords = SessionPassword(secret: settings.sessionSecret, inherited: settings.inheritedSessions)
        tree = restored.tree
        tree.touchAllSessions(at: now)
        gate = CommitGate(committed: start?.snapshotZxid ?? tree.lastZxid)
        // As Apache ZooKeeper makes them: the server's number in the top byte, then milliseconds, then a counter; after
        // every session there ever was, unless the calendar has gone back.
        let server = (start?.id.number ?? 0) << 56
        let first = server | ((now.unixMilliseconds << 24) >> 8) & 0x00ff_ffff_ffff_ffff
        lastSessionID = max(first, tree.sessions.filter { $0 >> 56 == server >> 56 }.max() ?? 0)
        changesSinceSnapshot = replayedCount
        nextStatisticsTurn = now + Self.statisticsWindow
        connectingTokens = settings.connectingRate.map { ConnectingTokens($0, at: now) }
        if let start {
            ensemble = EnsembleState(start, tree: tree.hard, at: now)
            ensemble?.settled = restored.snapshot
        }
        shareSecret()
    }

    /// Whether this coordinator decides, and need not ask a leader.
    var isDeciding: Bool { ensemble == nil || ensemble?.isLeading == true && ensemble?.isRestoring == false }

    /// Of the last change that has been applied.
    package var lastZxid: Int64 { tree.lastZxid }

    /// The members as the newest change known here has them; nil for a coordinator of its own.
    package var membership: Membership? { ensemble?.quorum.membership }

    /// What has been applied.
    package var state: TreeState { tree.hard }

    /// Answers that wait for changes to become durable, for what comes of a token of SASL, or for the leader.
    package var waitingReplyCount: Int { gate.count + requestsBehindTokens + requestsInLine }

    package mutating func step(_ event: CoordinatorEvent, at now: Instant, into effects: inout [CoordinatorEffect]) {
        switch event {
        case .connected(let id, let address, let host, let subject):
            clients[id] = ClientConnection(
                address: address, host: host, subject: subject, superSubject: settings.superSubject)
            statistics[id] = ConnectionStatistics(established: now)
        case .received(let id, let frames): received(frames, from: id, at: now, into: &effects)
        case .authenticated(let id, let outcome): authenticated(id, outcome, at: now, into: &effects)
        case .disconnected(let id):
            leave(id)
            dropToken(of: id)
            dropLine(of: id)
            clients[id] = nil
            statistics[id] = nil
        case .synced(let zxid, let truncationCount):
            synced(upTo: zxid, truncationCount: truncationCount, at: now, into: &effects)
        case .ticked: ticked(at: now, into: &effects)
        case .spaceRanOut: spaceRanOut(at: now, into: &effects)
        case .spaceCameBack: spaceCameBack(at: now, into: &effects)
        case .heard(let member, let messages):
            for message in messages { heard(message, from: member, at: now, into: &effects) }
        case .linkMade(let member): if leaderToAsk == member { endAsking(at: now, into: &effects) }
        case .linkLost(let member):
            ensemble?.transfers[member] = nil
            ensemble?.confirmations.forget(member)
            if leaderToAsk == member { endAsking(at: now, into: &effects) }
            stepQuorum(.linkLost(member), at: now, into: &effects)
        case .restored(let tree, let number): restored(tree, number: number, at: now, into: &effects)
        case .chunkTaken(let zxid, let number): chunkTaken(zxid, number, into: &effects)
        case .snapshotLoaded(let tree): snapshotLoaded(tree, into: &effects)
        case .snapshotGivenUp(let zxid): snapshotGivenUp(zxid)
        case .snapshotInstalled: snapshotInstalled(at: now, into: &effects)
        case .stateReplaced(let tree): replaceState(by: tree, at: now, into: &effects)
        case .turnEnded:
            pumpTransfers(into: &effects)
            stepQuorum(.flushed, at: now, into: &effects)
        case .resigned: stepQuorum(.resigned, at: now, into: &effects)
        }
        endReadOnlyServing(at: now, into: &effects)
        letLeave(at: now, into: &effects)
        takeSnapshotIfDue(into: &effects)
    }

    private mutating func synced(
        upTo zxid: Int64, truncationCount: Int, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        if ensemble == nil {
            guard truncationCount == replacementCount else { return }
            gate.commit(upTo: zxid, into: &leaving)
        } else {
            stepQuorum(.persisted(upTo: zxid, truncationCount: truncationCount), at: now, into: &effects)
        }
    }

    private mutating func heard(
        _ message: PeerMessage, from member: MemberID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        switch message {
        case .quorum(.entries(let append)) where ensemble?.arrival?.isLoading(from: member, epoch: append.epoch) == true:
            // They follow the snapshot. To refuse them would make the leader send it again.
            break
        case .quorum(let message): stepQuorum(.received(message, from: member), at: now, into: &effects)
        case .snapshotChunk(let chunk): received(chunk, from: member, at: now, into: &effects)
        case .snapshotReceived(let progress): received(progress, from: member, at: now, into: &effects)
        case .asked(let question): decide(question, for: member, at: now, into: &effects)
        case .verdict(let verdict):
            guard leaderToAsk == member else { return }
            ensemble?.asking.arrived(verdict)
            releaseVerdicts(at: now, into: &effects)
        case .digest(let digest): compare(digest, of: member, at: now, into: &effects)
        case .touched(let sessions):
            guard isDeciding else { return }
            for session in sessions { tree.touch(session: session, at: now) }
        case .sessionMoved(let session):
            guard leaderToAsk == member, let id = connectionOfSession[session] else { return }
            end(id, .close(id), at: now, into: &effects)
        }
    }

    /// A snapshot holds only what is committed: of the state as it is when one is due, that is a moment later.
    private mutating func takeSnapshotIfDue(into effects: inout [CoordinatorEffect]) {
        guard ensemble?.isRestoring != true else { return }
        if changesSinceSnapshot >= settings.changesPerSnapshot || bytesSinceSnapshot >= settings.logBytesPerSnapshot {
            changesSinceSnapshot = 0
            bytesSinceSnapshot = 0
            if pendingSnapshot == nil { pendingSnapshot = tree.hard }
        }
        guard let state = pendingSnapshot, state.lastZxid <= gate.committed else { return }
        pendingSnapshot = nil
        effects.append(.takeSnapshot(state))
    }
}
