import NIOCore
import Seams
import Testing

@testable import Quorum

/// What a member counts for that has lost its disk.
@Suite struct RebuildingTests {
    /// Member 5 asks for votes in epoch 2, and gets that of 4, which then loses its disk. Nobody else knows of it: 1 leads
    /// epoch 1.
    private func ensembleWithForgottenVote() -> Table {
        var table = Table(5)
        table.now = table.now + .milliseconds(100)
        table.step(1, .ticked)
        table.deliver()
        table.now = table.now + .milliseconds(300)
        table.step(1, .ticked)
        table.now = table.now + .milliseconds(400)
        table.step(5, .ticked)
        table.deliver { $0.isPreliminary }
        table.deliver { $0.from == 5 && $0.to == 4 || $0.from == 4 && $0.to == 5 }
        table.deliver { !$0.message.isVote && ($0.from == 1 && 2...3 ~= $0.to || $0.to == 1) }
        table.loseDisk(of: 4)
        table.step(1, .linkLost(MemberID(4)))
        return table
    }

    @Test func itDoesNotHelpToCommitWhatItsEarlierVoteMayUndo() {
        var table = ensembleWithForgottenVote()
        #expect(table[1].isLeading && table[5].promise.epoch == 2 && !table[5].isLeading)
        // 3 hears nothing of the leader any more.
        for _ in 0..<20 {
            table.propose(by: 1)
            table.deliver { !$0.message.isVote && $0.from != 5 && $0.to != 5 && $0.from != 3 && $0.to != 3 }
            table.now = table.now + .milliseconds(10)
            table.step(1, .ticked)
        }
        #expect(table[4].lastZxid == table[1].lastZxid, "it is up to date")
        let committed = table[1].committed
        table.deliver { $0.message.isVote && ($0.from == 5 && $0.to == 3 || $0.to == 5) }
        #expect(table[5].isLeading)
        #expect(table[5].lastZxid >= committed, "leads without what was committed")
    }

    @Test func itCountsWhenOthersHaveWhatCameAfterwards() {
        var table = ensembleWithForgottenVote()
        for _ in 0..<20 {
            table.deliver { !$0.message.isVote && $0.from != 5 && $0.to != 5 }
            table.now = table.now + .milliseconds(10)
            table.step(1, .ticked)
        }
        #expect(table[4].promise.standing == .voting)
        #expect(table[4].promise.votedFor == MemberID(1))
        table.deliver { $0.message.isVote && ($0.from == 5 && $0.to == 3 || $0.to == 5) }
        #expect(!table[5].isLeading, "3 has a newer entry")
        // And now it helps to commit.
        let committed = table[1].committed
        table.propose(by: 1)
        table.deliver { !$0.message.isVote && $0.from + $0.to == 5 || $0.from + $0.to == 3 }
        #expect(table[1].committed > committed)
    }

    @Test func aLeaderIsNotConfirmedByIt() {
        var table = ensembleWithForgottenVote()
        table.step(1, .confirmationAsked)
        table.deliver { $0.from + $0.to == 3 || $0.from + $0.to == 5 && $0.from != 2 && $0.from != 3 }
        #expect(table.confirmed[1] == nil, "1 and 2 alone")
        table.deliver { $0.from + $0.to == 4 }
        #expect(table.confirmed[1] == 1)
    }
}

/// Members whose messages arrive when a test says so, on disks that are quick.
private struct Table {
    struct Letter {
        var from: Int64
        var to: Int64
        var message: QuorumMessage

        var isPreliminary: Bool {
            switch message {
            case .voteAsked(let request): request.isPreliminary
            case .voteAnswered(let answer): answer.isPreliminary
            default: false
            }
        }
    }

    var now = Instant(nanoseconds: 0, unixMilliseconds: 0)
    private(set) var confirmed: [Int64: Int64] = [:]
    private let membership: Membership
    private var members: [Int64: QuorumMember] = [:]
    private var underWay: [Letter] = []

    init(_ count: Int64) {
        membership = Membership((1...count).map { Membership.Member(id: MemberID($0)) })
        for number in 1...count { start(number, QuorumPromise()) }
    }

    subscript(number: Int64) -> QuorumMember {
        guard let member = members[number] else { preconditionFailure("no member \(number)") }
        return member
    }

    private mutating func start(_ number: Int64, _ promise: QuorumPromise) {
        members[number] = QuorumMember(
            MemberID(number), QuorumSettings(), membership, promise: promise, log: [], committed: 0,
            seed: UInt64(now.nanoseconds), at: now)
    }

    mutating func loseDisk(of number: Int64) {
        underWay.removeAll { $0.from == number || $0.to == number }
        start(number, QuorumPromise(standing: .rebuilding))
    }

    mutating func propose(by number: Int64) {
        step(number, .proposed([QuorumEntry(zxid: self[number].lastZxid + 1, record: ByteBuffer())]))
    }

    mutating func step(_ number: Int64, _ event: QuorumEvent) {
        var effects: [QuorumEffect] = []
        members[number]?.step(event, at: now, into: &effects)
        members[number]?.step(.flushed, at: now, into: &effects)
        for effect in effects {
            switch effect {
            case .append(let entries):
                let end = entries[entries.count - 1].zxid
                step(number, .persisted(upTo: end, truncationCount: self[number].truncationCount))
            case .send(let message, let receiver):
                underWay.append(Letter(from: number, to: receiver.number, message: message))
            case .lead(let epoch):
                step(number, .proposed([QuorumEntry(zxid: Epoch.opening(epoch), record: ByteBuffer())]))
            case .mark: propose(by: number)
            case .confirmed(let round): confirmed[number] = round
            case .promise, .truncate, .sendSnapshot, .commit, .becomeLooking, .follow, .adopt, .report: break
            }
        }
    }

    /// Lets what is meant arrive, and what follows from it; all else stays on its way.
    mutating func deliver(_ isMeant: (Letter) -> Bool = { _ in true }) {
        while let index = underWay.firstIndex(where: isMeant) {
            let letter = underWay.remove(at: index)
            step(letter.to, .received(letter.message, from: MemberID(letter.from)))
        }
    }
}

extension QuorumMessage {
    fileprivate var isVote: Bool {
        switch self {
        case .voteAsked, .voteAnswered: true
        default: false
        }
    }
}
