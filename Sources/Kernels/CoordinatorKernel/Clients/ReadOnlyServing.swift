import Seams
import ZooKeeperProtocol

/// How clients are served.
enum Serving: Sendable {
    case readWrite
    /// Without a quorum, from what was committed before: only clients that ask for no more.
    case readOnly
    case nothing
}

/// How a member without a quorum serves reads (`readonlymode.enabled`).
extension CoordinatorKernel {
    var serving: Serving {
        guard let ensemble, !ensemble.isServing else { return .readWrite }
        return settings.servesReadOnly && ensemble.isCutOff && holdsOnlyCommitted ? .readOnly : .nothing
    }

    /// What is not known to be committed may still vanish, and must not be seen.
    private var holdsOnlyCommitted: Bool {
        ensemble?.isRestoring == false && ensemble?.arrival == nil && lastZxid <= gate.committed
    }

    /// Longer than an election takes: its clients had better wait.
    private var timeUntilReadOnly: Duration { max(.seconds(2), .milliseconds(settings.tree.tickTimeInMilliseconds)) }

    mutating func noticeCutOff(at now: Instant, into effects: inout [CoordinatorEffect]) {
        guard let ensemble, !ensemble.isServing, !ensemble.isCutOff, now - ensemble.idleSince >= timeUntilReadOnly
        else { return }
        self.ensemble?.isCutOff = true
        // One that has only just started does not know how much of its log is committed, and a leader needs all of it.
        let knowsCommitted = ensemble.agreedVersion != nil
        guard settings.servesReadOnly, knowsCommitted, !ensemble.isLeading, !ensemble.isRestoring, !holdsOnlyCommitted,
            let number = self.ensemble?.beginRestoration(upTo: gate.committed)
        else { return }
        pendingSnapshot = nil
        effects.append(.restore(number: number, upTo: gate.committed))
    }

    /// Goes on with a session that the ensemble knows, for reads. Whether there is one that is not known here only a
    /// leader can say: the client is to ask elsewhere.
    mutating func resumeReadOnly(
        _ request: ConnectRequest, on id: ConnectionID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        let session = request.sessionID
        guard let timeout = timeout(ofSession: session, provenBy: request.password) else {
            return end(id, .close(id), at: now, into: &effects)
        }
        if let older = connectionOfSession[session] { end(older, .close(older), at: now, into: &effects) }
        serve(session, timeout: timeout, isNew: false, on: id, at: now, into: &effects)
    }

    /// Ends the connections that were served without a quorum once there is one: their clients come back for everything.
    mutating func endReadOnlyServing(at now: Instant, into effects: inout [CoordinatorEffect]) {
        guard !readOnlyClients.isEmpty, serving != .readOnly else { return }
        for id in readOnlyClients.sorted() {
            if let session = clients[id]?.session, settings.localSessions == .never { localSessions.remove(session) }
            end(id, .close(id), at: now, into: &effects)
        }
        readOnlyClients = []
    }
}
