import NIOCore
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
            session: asked.session, watcher: Watcher(asked.connection.number),
            identities: clients[asked.connection]?.identities ?? [], request: request)
        for effect in change(.requested(treeRequest), at: now, into: &effects) {
            guard case .answer(let answer) = effect else { continue }
            reply(answer, to: asked, at: now, into: &effects)
        }
    }

    /// Lets the tree decide, applies what it decided, and hands that out to be made durable. Watch events are said
    /// before anything that is said of the rest of the decision, which is returned.
    @discardableResult
    mutating func change(
        _ event: ZNodesEvent, at now: Instant, into effects: inout [CoordinatorEffect]
    ) -> [ZNodesEffect] {
        let decision = tree.decide(event, at: now)
        var treeEffects: [ZNodesEffect] = []
        for record in decision.records {
            tree.apply(record, into: &treeEffects)
            var writer = WireWriter(capacity: 256)
            record.write(to: &writer)
            effects.append(.append(LogEntry(zxid: record.zxid, record: writer.buffer())))
        }
        changesSinceSnapshot += decision.records.count
        for case .notify(let watchers, let event, let zxid, let acl) in treeEffects + decision.effects {
            notify(watchers, event, zxid: zxid, readableBy: acl, at: now, into: &effects)
        }
        for case .quotaExceeded(let excess) in decision.effects {
            say(.report(.quotaExceeded(excess)), at: now, into: &effects)
        }
        return decision.effects
    }

    private mutating func notify(
        _ watchers: [Watcher], _ event: WatchedEvent, zxid: Int64, readableBy acl: [ACL], at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        server.watchEvents.add(event.kind, watcherCount: watchers.count)
        let frame = ReplyFrame.event(event, zxid: zxid)
        for watcher in watchers {
            let id = ConnectionID(watcher.number)
            guard let client = clients[id] else { continue }
            let mayKnow = !settings.tree.checksACLs || AccessControl.allows(client.identities, .read, acl)
            if mayKnow { say(.event(id, frame), at: now, into: &effects) }
        }
    }

    /// Looks at deadlines.
    mutating func ticked(at now: Instant, into effects: inout [CoordinatorEffect]) {
        if now >= nextStatisticsTurn {
            nextStatisticsTurn = now + Self.statisticsWindow
            server.turn()
        }
        for effect in change(.ticked, at: now, into: &effects) {
            guard case .sessionExpired(let session, let timeout) = effect else { continue }
            server.expiredSessions += 1
            let news = CoordinatorNews.sessionExpired(session, timeoutInMilliseconds: timeout)
            say(.report(news), at: now, into: &effects)
            if let id = connectionOfSession[session] { end(id, .close(id), at: now, into: &effects) }
        }
    }
}
