import NIOCore
import Quorum
import Seams
import ZooKeeperProtocol

/// A leader's verdicts that wait until it is confirmed that nobody else leads, and what the same sessions asked behind them.
///
/// That is not decided before, for whoever forwarded it may still have reads of the session between the two, which must
/// not see it.
struct AwaitedConfirmations: Sendable {
    private struct Asker: Sendable, Hashable {
        var member: MemberID
        var session: Int64
    }

    private struct Waiting: Sendable {
        var round: Int64
        var asker: Asker
        var verdict: Verdict
    }

    private struct Line: Sendable {
        /// Verdicts of the session that wait.
        var verdictCount = 0
        var questions: [ForwardedQuestion] = []
    }

    /// In order of their rounds.
    private var waiting = CircularBuffer<Waiting>()
    private var lines: [Asker: Line] = [:]

    /// Syncs that wait.
    var syncCount: Int {
        waiting.count { if case .answered = $0.verdict.outcome { true } else { false } }
            + lines.values.reduce(0) { $0 + $1.questions.count { $0.isSync } }
    }

    mutating func add(_ verdict: Verdict, of session: Int64, for member: MemberID, round: Int64) {
        let asker = Asker(member: member, session: session)
        waiting.append(Waiting(round: round, asker: asker, verdict: verdict))
        lines[asker, default: Line()].verdictCount += 1
    }

    /// Takes a question that has to wait behind others of its session. False when it need not.
    mutating func hold(_ question: ForwardedQuestion, of member: MemberID) -> Bool {
        let asker = Asker(member: member, session: question.session)
        guard let line = lines[asker], !question.isSync || !line.questions.isEmpty else { return false }
        lines[asker]?.questions.append(question)
        return true
    }

    /// The next verdict that waited for rounds up to this one, for which member, and what is to be decided behind it.
    mutating func next(upTo round: Int64) -> (Verdict, MemberID, [ForwardedQuestion])? {
        guard let first = waiting.first, first.round <= round else { return nil }
        waiting.removeFirst()
        var line = lines[first.asker] ?? Line()
        line.verdictCount -= 1
        lines[first.asker] = line.verdictCount > 0 ? line : nil
        return (first.verdict, first.asker.member, line.verdictCount > 0 ? [] : line.questions)
    }

    /// Nothing that this member asked is awaited any more.
    mutating func forget(_ member: MemberID) {
        waiting = CircularBuffer(waiting.filter { $0.asker.member != member })
        lines = lines.filter { $0.key.member != member }
    }
}

extension ForwardedQuestion {
    var isSync: Bool {
        if case .request(let type, _) = question { OpCode(rawValue: type) == .sync } else { false }
    }
}

/// How a leader makes sure that no other one has decided before it speaks.
extension CoordinatorKernel {
    /// Asks the ensemble whether this member is still the one that decides. What waits for the round that is returned is
    /// said when it is certain that no other member decided before; 0 where there is no other.
    mutating func confirmationRound(at now: Instant, into effects: inout [CoordinatorEffect]) -> Int64 {
        guard isDeciding, ensemble != nil else { return 0 }
        stepQuorum(.confirmationAsked, at: now, into: &effects)
        return ensemble?.quorum.awaitedRound ?? 0
    }

    /// Says what waited for rounds up to this one.
    mutating func confirmed(_ round: Int64, at now: Instant, into effects: inout [CoordinatorEffect]) {
        gate.confirm(round: round, into: &leaving)
        while let (verdict, member, questions) = ensemble?.confirmations.next(upTo: round) {
            effects.append(.tell(member, .verdict(verdict)))
            for question in questions { decide(question, for: member, at: now, into: &effects) }
        }
    }
}
