import Seams
import WireCoding
import ZNodes
import ZooKeeperProtocol

/// What is said to the audit log, as Apache ZooKeeper has it: what a client asked, by the member it is connected to,
/// once the outcome cannot vanish any more; what goes with sessions, by every member.
extension CoordinatorKernel {
    /// Says what the tree has decided.
    ///
    /// - Parameter isForMember: whether another member has asked, which will say so itself.
    mutating func audit(
        _ event: ZNodesEvent, _ decision: Decision<TreeRecord, ZNodesEffect>, isForMember: Bool, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        if case .requested(let asked) = event, !isForMember {
            for case .answer(let answer) in decision.effects {
                audit(asked.request, answer, of: asked.session, by: asked.identities, at: now, into: &effects)
            }
        }
        for record in decision.records {
            auditEphemerals(record, at: now, into: &effects)
            if case .ticked = event, let path = record.deletedPath {
                var entry = AuditEntry(.delete, .success)
                entry.path = path
                say(.report(.audited(entry)), at: now, into: &effects)
            }
        }
    }

    /// Says which nodes have gone with a session.
    mutating func auditEphemerals(_ record: TreeRecord, at now: Instant, into effects: inout [CoordinatorEffect]) {
        guard let session = record.closedSession else { return }
        for path in record.endedEphemerals {
            var entry = AuditEntry(.ephemeralZNodeDeletionOnSessionCloseOrExpire, .success)
            (entry.session, entry.path) = (session, path)
            say(.report(.audited(entry)), at: now, into: &effects)
        }
    }

    /// Says what the leader has answered to a client of this member.
    mutating func audit(
        _ verdict: Verdict, on question: AskingState.Question, to asked: Asked, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        guard case .answered(let code, let body) = verdict.outcome else { return }
        var answer: Result<ZooKeeperReply, ZooKeeperError> = .failure(ZooKeeperError(rawValue: code))
        if code == ZooKeeperError.ok.rawValue {
            do throws(MalformedInput) {
                answer = .success(
                    try WireReader.read(body) { reader throws(MalformedInput) in
                        try ZooKeeperReply(to: asked.opCode, reading: &reader)
                    })
            } catch {
                let news = CoordinatorNews.unreadableAnswer(to: "\(asked.opCode.fourLetters)", cause: "\(error)")
                return say(.report(news), at: now, into: &effects)
            }
        }
        audit(question.request, answer, of: asked.session, by: question.identities, at: now, into: &effects)
    }

    /// Says what has become of what a client has asked for.
    mutating func audit(
        _ request: ZooKeeperRequest, _ answer: Result<ZooKeeperReply, ZooKeeperError>, of session: Int64,
        by identities: [ZooKeeperID], at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        for var entry in AuditEntry.entries(of: request, answer) {
            entry.session = session
            entry.identities = identities
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
        case .reconfig: return [AuditEntry(.reconfig, answer.isSuccess ? .success : .failure)]
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
