import Seams
import ZNodes
import ZooKeeperProtocol

/// What is said to the audit log, by the coordinator that decides: what was asked, once its outcome cannot vanish any
/// more, and what goes with sessions.
extension CoordinatorKernel {
    /// Says what the tree has decided.
    mutating func audit(
        _ event: ZNodesEvent, _ decision: Decision<TreeRecord, ZNodesEffect>, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        if case .requested(let asked) = event {
            for case .answer(let answer) in decision.effects { audit(asked, answer, at: now, into: &effects) }
        }
        for record in decision.records {
            if let session = record.closedSession {
                for path in record.endedEphemerals {
                    var entry = AuditEntry(.ephemeralZNodeDeletionOnSessionCloseOrExpire, .success)
                    (entry.session, entry.path) = (session, path)
                    say(.report(.audited(entry)), at: now, into: &effects)
                }
            }
            if case .ticked = event, let path = record.deletedPath {
                var entry = AuditEntry(.delete, .success)
                entry.path = path
                say(.report(.audited(entry)), at: now, into: &effects)
            }
        }
    }

    /// Says what has become of a client's request to change the ensemble.
    mutating func auditReconfiguration(
        _ answer: Result<ZooKeeperReply, ZooKeeperError>, of session: Int64, by identities: [ZooKeeperID],
        at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        var entry = AuditEntry(.reconfig, answer.isSuccess ? .success : .failure)
        (entry.session, entry.identities) = (session, identities)
        say(.report(.audited(entry)), at: now, into: &effects)
    }

    private mutating func audit(
        _ asked: TreeRequest, _ answer: Result<ZooKeeperReply, ZooKeeperError>, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        for var entry in AuditEntry.entries(of: asked.request, answer) {
            entry.session = asked.session
            entry.identities = asked.identities
            say(.report(.audited(entry)), at: now, into: &effects)
        }
    }
}

extension AuditEntry {
    /// None for what only reads. A multi that succeeds is told operation by operation, one that fails by itself.
    static func entries(
        of request: ZooKeeperRequest, _ answer: Swift.Result<ZooKeeperReply, ZooKeeperError>
    ) -> [AuditEntry] {
        switch request {
        case .change(let operation):
            switch answer {
            case .success(.path(let path)), .success(.pathAndStat(let path, _)):
                return entry(of: operation, .success, created: path).map { [$0] } ?? []
            case .success: return entry(of: operation, .success).map { [$0] } ?? []
            case .failure: return entry(of: operation, .failure).map { [$0] } ?? []
            }
        case .setACL(let path, let acl, _):
            var entry = AuditEntry(.setAcl, answer.isSuccess ? .success : .failure)
            (entry.path, entry.acl) = (path, acl)
            return [entry]
        case .multi(let operations):
            guard case .success(.results(let results)) = answer else { return [AuditEntry(.multiOperation, .failure)] }
            let hasFailed = results.contains { if case .failed = $0 { true } else { false } }
            if hasFailed { return [AuditEntry(.multiOperation, .failure)] }
            return zip(operations, results).compactMap { operation, result in
                switch result {
                case .created(let path), .created2(let path, _): entry(of: operation, .success, created: path)
                default: entry(of: operation, .success)
                }
            }
        default: return []
        }
    }

    /// - Parameter path: of what was created; the client may have asked for a part of it.
    private static func entry(of operation: ZooKeeperProtocol.Operation, _ result: Result, created path: String? = nil)
        -> AuditEntry?
    {
        switch operation {
        case .create(let create), .create2(let create), .createContainer(let create), .createTTL(let create):
            var entry = AuditEntry(.create, result)
            entry.path = path ?? create.path
            entry.mode = CreateMode(rawValue: create.flags)
            return entry
        case .delete(let path, _):
            var entry = AuditEntry(.delete, result)
            entry.path = path
            return entry
        case .setData(let path, _, _):
            var entry = AuditEntry(.setData, result)
            entry.path = path
            return entry
        case .check: return nil
        }
    }
}

extension Result {
    fileprivate var isSuccess: Bool {
        if case .success = self { true } else { false }
    }
}
