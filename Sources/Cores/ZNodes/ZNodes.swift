import NIOCore
import Seams
import ZooKeeperProtocol

/// A client's request to the tree.
package struct TreeRequest: Sendable {
    /// In the place of a session that is none of the tree's: it can have no ephemeral nodes.
    package static let localSession: Int64 = 0

    package var session: Int64
    /// The client's connection, to which watches belong.
    package var watcher: Watcher
    /// Whom the client has shown to be.
    package var identities: [ZooKeeperID]
    /// Not one of `ping`, `sync`, `auth`, `sasl`, `whoAmI`, `reconfig`, `closeSession`: those are no matter of the tree.
    package var request: ZooKeeperRequest

    package init(session: Int64, watcher: Watcher, identities: [ZooKeeperID], request: ZooKeeperRequest) {
        self.session = session
        self.watcher = watcher
        self.identities = identities
        self.request = request
    }
}

package enum ZNodesEvent: Sendable {
    case sessionAsked(Int64, timeoutInMilliseconds: Int32)
    case sessionClosed(Int64)
    case requested(TreeRequest)
    /// A leader begins an epoch.
    case epochOpened(zxid: Int64, secret: ByteBuffer, configuration: String)
    /// The leader needs a change that changes nothing.
    case marked
    /// A leader changes the ensemble.
    case reconfigured(configuration: String, previous: String)
    /// Deadlines may have passed.
    case ticked
}

package enum ZNodesEffect: Sendable, Equatable {
    /// The answer to the request that is being decided.
    case answer(Result<ZooKeeperReply, ZooKeeperError>)
    /// Tell these watchers, of whom only those who may read a node with this list shall know. `zxid` is for the header.
    case notify([Watcher], WatchedEvent, zxid: Int64, readableBy: [ACL])
    /// The session is over, as a record of the same decision has it: nothing was heard of it for that long.
    case sessionExpired(Int64, timeoutInMilliseconds: Int32)
    /// The change that was decided passes a limit that does not hinder it.
    case quotaExceeded(QuotaExcess)
}

/// The tree, the sessions and the watches.
///
/// Lasting is what records make (``hard``). Watches and deadlines of sessions are not: clients set watches again when
/// they reconnect, and after a restart every session gets its whole timeout anew.
package struct ZNodes: ReplicatedCore, Sendable {
    package typealias Event = ZNodesEvent
    package typealias Record = TreeRecord
    package typealias Effect = ZNodesEffect

    package private(set) var hard: TreeState
    let settings: ZNodesSettings
    var watches = WatchTable()
    private var deadlines = SessionDeadlines()
    /// Who was heard of last, and when by the steady clock.
    private var lastTouched: (session: Int64, time: Int64) = (0, .min)
    private var nextSweep: Int64 = .min
    /// What the digest was at some changes, the oldest first; empty where none is kept.
    package private(set) var digests: [ZxidDigest] = []

    /// - Parameter restored: the lasting state of before; nil for a new tree.
    package init(_ settings: ZNodesSettings, restored: TreeState? = nil) {
        self.settings = settings
        hard = restored ?? TreeState()
        if settings.keepsDigest { hard.keepDigest() }
    }

    package mutating func decide(
        _ event: ZNodesEvent, at now: Instant
    ) -> Decision<TreeRecord, ZNodesEffect> {
        switch event {
        case .sessionAsked(let session, let timeout):
            return Decision(records: [
                record(.sessionOpened(session, timeoutInMilliseconds: timeout), at: now)
            ])
        case .sessionClosed(let session): return Decision(records: [record(closing(session), at: now)])
        case .requested(let asked): return decide(asked, at: now)
        case .epochOpened(let zxid, let secret, let configuration):
            let change = TreeChange.epochOpened(secret: secret, configuration: configuration)
            return Decision(records: [TreeRecord(zxid: zxid, time: now.unixMilliseconds, change: change)])
        case .reconfigured(let configuration, let previous):
            let change = TreeChange.reconfigured(configuration: configuration, previous: previous)
            return Decision(records: [record(change, at: now)])
        case .marked: return Decision(records: [record(.failed(.ok), at: now)])
        case .ticked: return expire(at: now)
        }
    }

    package mutating func apply(_ record: TreeRecord, into effects: inout [ZNodesEffect]) {
        hard.advance(to: record.zxid)
        perform(record.change, of: record, into: &effects)
        if let digest = hard.digest, record.zxid % TreeDigest.interval == 0 {
            if digests.count == TreeDigest.rememberedCount { digests.removeFirst() }
            digests.append(ZxidDigest(zxid: record.zxid, digest: digest.value))
        }
    }

    /// What the digest was after this change, as far as that is remembered.
    package func digest(at zxid: Int64) -> ZxidDigest? {
        guard zxid % TreeDigest.interval == 0 else { return nil }
        return digests.last { $0.zxid <= zxid }.flatMap { $0.zxid == zxid ? $0 : nil }
    }

    /// Applies one change after the other, and tells of each what watchers shall know.
    private mutating func perform(
        _ change: TreeChange, of record: TreeRecord, into effects: inout [ZNodesEffect]
    ) {
        switch change {
        case .multi(let changes):
            for change in changes { perform(change, of: record, into: &effects) }
            return
        case .sessionClosed(let session, let paths):
            for path in paths { perform(.deleted(path: path), of: record, into: &effects) }
            deadlines.remove(session)
            lastTouched = (0, .min)
        case .sessionOpened: lastTouched = (0, .min)
        case .deleted(let path):
            // Who may know depends on the node as it was.
            tell(.nodeDeleted, path, zxid: record.zxid, into: &effects)
            tell(.nodeChildrenChanged, NodePath.parent(of: path), zxid: record.zxid, into: &effects)
        default: break
        }
        hard.apply(change, zxid: record.zxid, time: record.time)
        switch change {
        case .created(let path, _, _, _):
            tell(.nodeCreated, path, zxid: record.zxid, into: &effects)
            tell(.nodeChildrenChanged, NodePath.parent(of: path), zxid: record.zxid, into: &effects)
        case .dataSet(let path, _): tell(.nodeDataChanged, path, zxid: record.zxid, into: &effects)
        default: break
        }
    }

    private mutating func tell(
        _ kind: WatchedEvent.Kind, _ path: @autoclosure () -> String?, zxid: Int64, into effects: inout [ZNodesEffect]
    ) {
        guard !watches.isEmpty, let path = path() else { return }
        let watchers = watches.fire(kind, at: path)
        guard !watchers.isEmpty else { return }
        let acl = hard.nodes[path]?.acl ?? []
        effects.append(.notify(watchers, WatchedEvent(kind, path: path), zxid: zxid, readableBy: acl))
    }

    // MARK: Requests

    private func record(_ change: TreeChange, at now: Instant, ahead: Int64 = 1) -> TreeRecord {
        TreeRecord(zxid: hard.lastZxid + ahead, time: now.unixMilliseconds, change: change)
    }

    private mutating func decide(_ asked: TreeRequest, at now: Instant) -> Decision<TreeRecord, ZNodesEffect> {
        if let answer = read(asked) { return Decision(effects: [.answer(answer)]) }
        switch asked.request {
        case .setWatches(let paths), .setWatches2(let paths):
            return Decision(effects: setWatches(paths, of: asked.watcher) + [.answer(.success(.empty))])
        default: return decideChange(asked, at: now)
        }
    }

    private func decideChange(_ asked: TreeRequest, at now: Instant) -> Decision<TreeRecord, ZNodesEffect> {
        var draft = TreeDraft(hard, zxid: hard.lastZxid + 1, time: now.unixMilliseconds)
        let checks = ChangeDecision(settings: settings, session: asked.session, identities: asked.identities)
        do throws(ZooKeeperError) {
            let change: TreeChange
            let reply: ZooKeeperReply
            switch asked.request {
            case .change(let operation):
                let (decided, result) = try checks.decide(operation, in: &draft)
                guard let decided else { throw .unimplemented }
                (change, reply) = (decided, result.reply)
            case .setACL(let path, let acl, let version):
                let (decided, stat) = try checks.setACL(path, acl, version: version, in: draft)
                (change, reply) = (decided, .stat(stat))
            case .multi(let operations):
                let parts = operations.compactMap(\.asPartOfMulti)
                guard parts.count == operations.count else { throw .marshallingError }
                let (decided, results) = decideMulti(parts, checks, &draft)
                (change, reply) = (decided, .results(results))
            default: preconditionFailure("the tree is asked for what is none of its matters: \(asked.request.opCode)")
            }
            var effects = [ZNodesEffect.answer(.success(reply))]
            if case .failed = change {} else { effects += draft.excesses.map { .quotaExceeded($0) } }
            return Decision(records: [record(change, at: now)], effects: effects)
        } catch {
            return Decision(records: [record(.failed(error), at: now)], effects: [.answer(.failure(error))])
        }
    }

    /// All or nothing. On failure every operation is answered: those before with ok, those behind with
    /// `runtimeInconsistency`.
    private func decideMulti(
        _ operations: [Operation], _ checks: ChangeDecision, _ draft: inout TreeDraft
    ) -> (TreeChange, [OperationResult]) {
        var changes: [TreeChange] = []
        var results: [OperationResult] = []
        for (index, operation) in operations.enumerated() {
            do throws(ZooKeeperError) {
                let (change, result) = try checks.decide(operation, in: &draft)
                if let change {
                    draft.perform(change)
                    changes.append(change)
                }
                results.append(result)
            } catch {
                let behind = operations.count - index - 1
                return (
                    .failed(error),
                    Array(repeating: .failed(.ok), count: index) + [.failed(error)]
                        + Array(repeating: .failed(.runtimeInconsistency), count: behind)
                )
            }
        }
        return (.multi(changes), results)
    }

    /// Refuses who may not write to `/zookeeper/config`.
    package func requireWrite(toConfigurationBy identities: [ZooKeeperID]) throws(ZooKeeperError) {
        guard let node = hard.nodes[NodePath.configuration] else { throw .noNode }
        guard !settings.checksACLs || AccessControl.allows(identities, .write, node.acl) else { throw .noAuth }
    }

    /// Whether these identities have every permission on the root, one by one.
    package func allowsEverything(onRootTo identities: [ZooKeeperID]) -> Bool {
        guard settings.checksACLs, let root = hard.nodes["/"] else { return !settings.checksACLs }
        let permissions: [Permissions] = [.read, .write, .create, .delete, .admin]
        return permissions.allSatisfy { AccessControl.allows(identities, $0, root.acl) }
    }

    // MARK: Sessions

    /// Of the last change applied.
    package var lastZxid: Int64 { hard.lastZxid }

    /// The granted timeout; nil for a session that is over or never was.
    package func timeoutInMilliseconds(ofSession session: Int64) -> Int32? { hard.sessions[session] }

    /// Something was heard of the session's client.
    package mutating func touch(session: Int64, at now: Instant) {
        // Requests come in bursts.
        if lastTouched.session == session, lastTouched.time == now.nanoseconds { return }
        guard let timeout = hard.sessions[session] else { return }
        lastTouched = (session, now.nanoseconds)
        deadlines.set(deadline(timeout, after: now), of: session)
    }

    /// Every session gets its whole timeout from now on: after a restart.
    package mutating func touchAllSessions(at now: Instant) {
        for (session, timeout) in hard.sessions { deadlines.set(deadline(timeout, after: now), of: session) }
    }

    /// When the session expires unless something is heard of it, in nanoseconds of the steady clock.
    package func deadline(ofSession session: Int64) -> Int64? { deadlines.deadline(of: session) }

    /// On a multiple of the tick, so that few ticks have anything to do.
    private func deadline(_ timeoutInMilliseconds: Int32, after now: Instant) -> Int64 {
        let tick = settings.tickTimeInMilliseconds * 1_000_000
        let exact = now.nanoseconds + Int64(timeoutInMilliseconds) * 1_000_000
        return (exact / tick + 1) * tick
    }

    private func closing(_ session: Int64) -> TreeChange {
        .sessionClosed(session, paths: hard.ephemeralPaths(of: session))
    }

    private mutating func expire(at now: Instant) -> Decision<TreeRecord, ZNodesEffect> {
        var decision = Decision<TreeRecord, ZNodesEffect>()
        func add(_ change: TreeChange) {
            decision.records.append(record(change, at: now, ahead: Int64(decision.records.count) + 1))
        }
        for session in deadlines.passed(at: now.nanoseconds) {
            guard let timeout = hard.sessions[session] else { continue }
            decision.effects.append(.sessionExpired(session, timeoutInMilliseconds: timeout))
            add(closing(session))
        }
        if now.nanoseconds >= nextSweep {
            nextSweep = now.nanoseconds + settings.sweepIntervalInMilliseconds * 1_000_000
            let perished = hard.perishablePaths { isPerished($0, at: now) }
            for path in perished.prefix(settings.deletionsPerSweep) { add(.deleted(path: path)) }
        }
        return decision
    }

    private func isPerished(_ node: ZNode, at now: Instant) -> Bool {
        guard node.childCount == 0 else { return false }
        return switch node.lifetime {
        case .container:
            node.createdChildCount > 0
                || settings.longestUnusedTimeInMilliseconds.map { now.unixMilliseconds - node.mtime > $0 } ?? false
        case .ttl(let milliseconds): now.unixMilliseconds - node.mtime > milliseconds
        case .persistent, .ephemeral: false
        }
    }

    // MARK: Watches

    /// The connection is gone.
    package mutating func forget(_ watcher: Watcher) { watches.removeAll(of: watcher) }
}

extension OperationResult {
    /// As the answer to the operation by itself.
    fileprivate var reply: ZooKeeperReply {
        switch self {
        case .created(let path): .path(path)
        case .created2(let path, let stat): .pathAndStat(path, stat)
        case .dataSet(let stat): .stat(stat)
        case .deleted, .checked: .empty
        case .data, .children, .failed: preconditionFailure("not the result of a change: \(self)")
        }
    }
}
