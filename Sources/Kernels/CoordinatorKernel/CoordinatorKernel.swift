import NIOCore
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
    let passwords: SessionPassword
    var tree: ZNodes
    var gate: CommitGate<Outgoing>
    /// Let through by the gate, and not yet turned into effects.
    var leaving: [Outgoing] = []
    var clients: [ConnectionID: ClientConnection] = [:]
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

    /// A coordinator that goes on with what was restored; all of that is durable. Every session gets its whole timeout
    /// from now on.
    ///
    /// - Parameter replayedCount: changes since the last snapshot.
    package init(_ settings: KernelSettings, restored: RestoredTree, replayedCount: Int = 0, at now: Instant) {
        self.settings = settings
        passwords = SessionPassword(secret: settings.sessionSecret)
        tree = restored.tree
        tree.touchAllSessions(at: now)
        gate = CommitGate(committed: tree.lastZxid)
        // As Apache ZooKeeper makes them: the server's number (0) in the top byte, then milliseconds, then a counter;
        // after every session there ever was, unless the calendar has gone back.
        lastSessionID = max(((now.unixMilliseconds << 24) >> 8) & 0x00ff_ffff_ffff_ffff, tree.sessions.last ?? 0)
        changesSinceSnapshot = replayedCount
        nextStatisticsTurn = now + Self.statisticsWindow
    }

    /// Of the last change that has been applied.
    package var lastZxid: Int64 { tree.lastZxid }

    /// The tree with all that has been applied, for a snapshot of ``lastZxid``. Writing it may take its time elsewhere.
    package var state: TreeState { tree.hard }

    /// Answers that wait for changes to become durable, or for what comes of a token of SASL.
    package var waitingReplyCount: Int { gate.count + requestsBehindTokens }

    package mutating func step(_ event: CoordinatorEvent, at now: Instant, into effects: inout [CoordinatorEffect]) {
        switch event {
        case .connected(let id, let address, let host, let subject):
            clients[id] = ClientConnection(
                address: address, host: host, subject: subject, superSubject: settings.superSubject, at: now)
        case .received(let id, let frames):
            for frame in frames { received(frame, from: id, at: now, into: &effects) }
        case .authenticated(let id, let outcome): authenticated(id, outcome, at: now, into: &effects)
        case .disconnected(let id):
            leave(id)
            dropToken(of: id)
            clients[id] = nil
        case .synced(let zxid):
            gate.commit(upTo: zxid, into: &leaving)
            letLeave(at: now, into: &effects)
        case .ticked: ticked(at: now, into: &effects)
        }
        if changesSinceSnapshot >= settings.changesPerSnapshot {
            changesSinceSnapshot = 0
            effects.append(.takeSnapshot)
        }
    }
}
