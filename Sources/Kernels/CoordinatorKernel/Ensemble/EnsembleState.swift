import NIOCore
import Quorum
import Seams
import ZNodes
import ZooKeeperProtocol

/// What a coordinator keeps as a member of an ensemble.
struct EnsembleState: Sendable {
    var quorum: QuorumMember
    /// Of the log, behind what has been applied; a leader has applied everything. Oldest first.
    var unapplied: [TreeRecord] = []
    /// The number of the restoration that is awaited: the tree holds changes that the log has lost, or that clients must
    /// not see. Meanwhile nothing is applied, and a leader does not begin.
    var awaitedRestoration: Int?
    private var restorationCount = 0
    /// A leader is known, and everything it found when it began has been applied.
    var isServing = false
    /// Since when it is not.
    var idleSince: Instant
    /// It has not been for longer than an election takes.
    var isCutOff = false
    /// The version of the ensemble that was last said to be agreed on.
    var agreedVersion: Int64?
    /// The other members' questions and answers while this one follows.
    var asking = AskingState()
    /// Who serves a session, as far as this leader has heard.
    var owners: [Int64: MemberID] = [:]
    var confirmations = AwaitedConfirmations()
    /// While a member that may come to lead holds changes that are not committed: a state without them.
    var settled: TreeState?
    /// The state on its way to members that lag too far.
    var transfers: [MemberID: SnapshotTransfer] = [:]
    /// The leader's state on its way here.
    var arrival: SnapshotArrival?

    var statistics: EnsembleStatistics

    /// - Parameter tree: snapshot and log together.
    init(_ start: MemberStart, tree: TreeState, at now: Instant) {
        statistics = EnsembleStatistics(at: now)
        let entries = start.entries.map { QuorumEntry($0) }
        // What the snapshot had, before changes that may still be taken back.
        var committed = Membership(shownBy: tree)
        if let first = entries.first(where: { $0.membership != nil }) {
            committed = TreeRecord(trusting: first).previousMembership
        }
        var membership = start.membership
        if let committed, committed.version > membership.version { membership = committed }
        var promise = start.promise
        let epoch = Epoch.of(zxid: tree.lastZxid)
        if promise.epoch < epoch {
            // The state came without the promises that led to it: from a backup, or from Apache ZooKeeper.
            promise.epoch = epoch
            promise.votedFor = nil
        }
        idleSince = now
        quorum = QuorumMember(
            start.id, start.quorum, membership, promise: promise, log: entries, committed: start.snapshotZxid,
            isInherited: start.takenOverZxid == start.snapshotZxid, seed: start.seed, at: now)
    }

    /// Takes the records up to `zxid` out of those that wait.
    mutating func takeUnapplied(upTo zxid: Int64) -> [TreeRecord] {
        guard let last = unapplied.last, unapplied[0].zxid <= zxid else { return [] }
        if last.zxid <= zxid {
            defer { unapplied = [] }
            return unapplied
        }
        let count = unapplied.prefix { $0.zxid <= zxid }.count
        defer { unapplied.removeFirst(count) }
        return Array(unapplied[..<count])
    }

    var isLeading: Bool { quorum.isLeading }

    var isRestoring: Bool { awaitedRestoration != nil }

    /// The number of a restoration, which is awaited from now on instead of any before.
    mutating func beginRestoration() -> Int {
        restorationCount += 1
        awaitedRestoration = restorationCount
        return restorationCount
    }

    /// The same for a tree without the changes above `zxid`: they wait to be applied again.
    mutating func beginRestoration(upTo zxid: Int64) -> Int {
        unapplied = quorum.entries(after: zxid).map { TreeRecord(trusting: $0) }
        return beginRestoration()
    }
}

/// What a follower has asked its leader on behalf of clients.
struct AskingState: Sendable {
    /// For a question whose answer nobody waits for.
    static let unawaitedTicket: UInt64 = 0

    /// What the audit log wants to know of a question besides the answer.
    struct Question: Sendable {
        var request: ZooKeeperRequest
        var identities: [ZooKeeperID]
    }

    private var lastTicket: UInt64 = 0
    private(set) var clients: [UInt64: ConnectionID] = [:]
    /// What was asked and by whom, by its ticket: kept for the audit log.
    private var audited: [UInt64: Question] = [:]
    /// Answers that wait until their changes have been applied here, in the leader's order.
    private var verdicts = CircularBuffer<Verdict>()
    /// Sessions of which something was heard since the leader was told last.
    var touched: Set<Int64> = []
    /// In nanoseconds of the steady clock.
    var nextReport: Int64 = .min

    /// A ticket for a client's question.
    mutating func ticket(for client: ConnectionID) -> UInt64 {
        lastTicket += 1
        clients[lastTicket] = client
        return lastTicket
    }

    /// Keeps what was asked under a ticket until its answer has been said.
    mutating func keep(_ question: Question, for ticket: UInt64) { audited[ticket] = question }

    /// What was kept under a ticket.
    mutating func takeQuestion(_ ticket: UInt64) -> Question? { audited.removeValue(forKey: ticket) }

    mutating func arrived(_ verdict: Verdict) { verdicts.append(verdict) }

    /// The next answer that can be said once everything up to `zxid` has been applied, and whom to say it to. Those that
    /// nobody waits for any more are dropped.
    mutating func nextVerdict(upTo zxid: Int64) -> (Verdict, ConnectionID)? {
        while let verdict = verdicts.first, verdict.zxid <= zxid {
            verdicts.removeFirst()
            if let client = clients.removeValue(forKey: verdict.ticket) { return (verdict, client) }
            audited[verdict.ticket] = nil
        }
        return nil
    }

    /// Nothing that was asked will be answered.
    mutating func forgetAll() {
        clients = [:]
        audited = [:]
        verdicts.removeAll()
        touched = []
    }
}
