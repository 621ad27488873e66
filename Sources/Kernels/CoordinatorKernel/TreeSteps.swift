import NIOCore
import Quorum
import Seams
import WireCoding
import ZNodes
import ZooKeeperProtocol

/// How the kernel lets the tree decide, and what becomes of what the tree says.
extension CoordinatorKernel {
    /// Asks the tree for a client, and passes its answer on.
    mutating func askTree(
        _ request: ZooKeeperRequest, _ asked: Asked, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        let treeRequest = TreeRequest(
            session: knownAs(asked.session), watcher: Watcher(asked.connection.number),
            identities: clients[asked.connection]?.identities ?? [], request: request)
        for effect in change(.requested(treeRequest), at: now, into: &effects) {
            guard case .answer(let answer) = effect else { continue }
            reply(answer, to: asked, at: now, into: &effects)
        }
    }

    /// Lets the tree decide, applies what it decided, and hands that out to be made durable. Watch events are said
    /// before anything that is said of the rest of the decision, which is returned.
    ///
    /// - Parameter isForMember: whether a client of another member has asked.
    @discardableResult
    mutating func change(
        _ event: ZNodesEvent, isForMember: Bool = false, at now: Instant, into effects: inout [CoordinatorEffect]
    ) -> [ZNodesEffect] {
        let decision = tree.decide(event, at: now)
        var treeEffects: [ZNodesEffect] = []
        if !decision.records.isEmpty { propose(decision.records, at: now, into: &effects, &treeEffects) }
        tell(treeEffects, at: now, into: &effects)
        tell(decision.effects, at: now, into: &effects)
        if settings.audits { audit(event, decision, isForMember: isForMember, at: now, into: &effects) }
        return decision.effects
    }

    /// Applies changes, and hands them out to be made durable, here and by a quorum.
    private mutating func propose(
        _ records: [TreeRecord], at now: Instant, into effects: inout [CoordinatorEffect],
        _ treeEffects: inout [ZNodesEffect]
    ) {
        var entries: [QuorumEntry] = []
        for record in records {
            applyRecord(record, into: &treeEffects)
            var writer = WireWriter(capacity: 256)
            record.write(to: &writer)
            let bytes = writer.buffer()
            if ensemble == nil {
                effects.append(.append(LogEntry(zxid: record.zxid, record: bytes)))
                bytesSinceSnapshot += bytes.readableBytes
            } else {
                entries.append(QuorumEntry(record, bytes))
            }
        }
        guard ensemble != nil else { return }
        ensemble?.statistics.proposed(entries, at: now)
        stepQuorum(.proposed(entries), at: now, into: &effects)
    }

    /// Passes on what changes mean to watchers and operators.
    mutating func tell(
        _ treeEffects: [ZNodesEffect], at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        for case .notify(let watchers, let event, let zxid, let acl) in treeEffects {
            notify(watchers, event, zxid: zxid, readableBy: acl, at: now, into: &effects)
        }
        for case .quotaExceeded(let excess) in treeEffects {
            say(.report(.quotaExceeded(excess)), at: now, into: &effects)
        }
    }

    private mutating func notify(
        _ watchers: [Watcher], _ event: WatchedEvent, zxid: Int64, readableBy acl: [ACL], at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        server.watchEvents.add(event.kind, watcherCount: watchers.count)
        let frame = ReplyFrame.event(event, zxid: zxid)
        let isForAll = !settings.tree.checksACLs || AccessControl.allows([], .read, acl)
        for watcher in watchers {
            let id = ConnectionID(watcher.number)
            guard let identities = clients[id]?.identities else { continue }
            let mayKnow = isForAll || AccessControl.allows(identities, .read, acl)
            if mayKnow { say(.event(id, frame), at: now, into: &effects) }
        }
    }

    /// Looks at deadlines.
    mutating func ticked(at now: Instant, into effects: inout [CoordinatorEffect]) {
        if now >= nextStatisticsTurn {
            nextStatisticsTurn = now + Self.statisticsWindow
            server.turn()
            ensemble?.statistics.turn()
        }
        expireLocalSessions(at: now, into: &effects)
        if ensemble != nil {
            noticeCutOff(at: now, into: &effects)
            forgetSettledState()
            stepQuorum(.ticked, at: now, into: &effects)
            reportTouched(at: now, into: &effects)
            guard isDeciding else { return }
            // Long before the count of an epoch is used up a new one begins.
            if lastZxid & Epoch.lastCount > Epoch.lastCount / 2 { stepQuorum(.resigned, at: now, into: &effects) }
        }
        // What expires meanwhile does so when that can be written down.
        guard hasRoom else { return }
        for effect in change(.ticked, at: now, into: &effects) {
            guard case .sessionExpired(let session, let timeout) = effect else { continue }
            server.expiredSessions += 1
            let news = CoordinatorNews.sessionExpired(session, timeoutInMilliseconds: timeout)
            say(.report(news), at: now, into: &effects)
            if let id = connectionOfSession[session] { end(id, .close(id), at: now, into: &effects) }
        }
    }
}
