import NIOCore
import Seams
import Testing

@testable import Quorum

/// Who gets a member's vote.
@Suite struct VotingTests {
    private let now = Instant(nanoseconds: 0, unixMilliseconds: 0)

    private func member(_ promise: QuorumPromise = QuorumPromise(), upTo zxid: Int64) -> QuorumMember {
        QuorumMember(
            MemberID(1), QuorumSettings(), Membership((1...3).map { Membership.Member(id: MemberID($0)) }),
            promise: promise, log: [], committed: zxid, seed: 1, at: now)
    }

    private func votes(_ member: QuorumMember, for zxid: Int64, epoch: Int32 = 9) -> Bool {
        var member = member
        var effects: [QuorumEffect] = []
        let request = VoteRequest(epoch: epoch, lastZxid: zxid, isPreliminary: false)
        member.step(.received(.voteAsked(request), from: MemberID(2)), at: now, into: &effects)
        return effects.contains {
            if case .send(.voteAnswered(let answer), MemberID(2)) = $0 { answer.isGranted } else { false }
        }
    }

    @Test func whoHasAsMuchOrMoreGetsIt() {
        #expect(votes(member(upTo: 7), for: 7))
        #expect(votes(member(upTo: 7), for: 8))
        #expect(!votes(member(upTo: 7), for: 6))
        #expect(!votes(member(QuorumPromise(epoch: 10), upTo: 7), for: 8), "a newer epoch has been promised to")
        #expect(!votes(member(QuorumPromise(epoch: 9, votedFor: MemberID(3)), upTo: 7), for: 8), "one vote an epoch")
    }

    @Test func whoMayHaveLostEverythingVotesForNobodyWithEntries() {
        #expect(!votes(member(upTo: 0), for: 5))
        #expect(votes(member(upTo: 0), for: 0), "all are new")
        #expect(!votes(member(QuorumPromise(standing: .rebuilding), upTo: 5), for: 5))
    }
}
