import Testing

@testable import Quorum

@Suite struct MembershipTests {
    private func members(_ numbers: ClosedRange<Int64>) -> Membership {
        Membership(numbers.map { Membership.Member(id: MemberID($0)) })
    }

    private func ids(_ numbers: Int64...) -> Set<MemberID> { Set(numbers.map(MemberID.init)) }

    @Test func moreThanHalfOfTheVotersDecide() {
        var membership = members(1...4)
        #expect(!membership.isQuorum(ids(1, 2)))
        #expect(membership.isQuorum(ids(1, 2, 3)))
        membership = Membership(membership.members + [Membership.Member(id: MemberID(5), isVoter: false)])
        #expect(!membership.isQuorum(ids(1, 2, 5)), "an observer has no vote")
    }

    @Test func weightsCountAndGroupsDecideByTheirMajority() {
        let membership = Membership(
            (1...9).map { Membership.Member(id: MemberID($0), weight: $0 == 9 ? 0 : 1, group: ($0 - 1) / 3) })
        #expect(membership.isQuorum(ids(1, 2, 4, 5)))
        #expect(!membership.isQuorum(ids(1, 2, 3, 4)), "one group of three is no majority")
        #expect(!membership.isQuorum(ids(1, 2, 7, 9)), "a member without weight does not count")
    }

    @Test func bothEnsemblesDecideWhileOneBecomesTheOther() {
        var history = MembershipHistory(members(1...3))
        var next = members(3...5)
        next.version = 7
        history.add(next)
        #expect(!history.isQuorum(ids(1, 2, 3)))
        #expect(!history.isQuorum(ids(3, 4, 5)))
        #expect(history.isQuorum(ids(1, 3, 4)))
        history.settle(upTo: 7)
        #expect(history.isQuorum(ids(4, 5)))
    }
}
