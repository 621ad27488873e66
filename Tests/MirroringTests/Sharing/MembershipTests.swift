import ClusterModel
import Testing

@testable import Mirroring

@Suite struct MembershipTests {
    private static let start = ContinuousClock.now
    private static let (first, second) = (
        TopicPartition(topic: "t", partition: 0), TopicPartition(topic: "t", partition: 1)
    )

    private static func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

    /// Inside, with both partitions, heard of at 0.
    private static func member(life: Int64 = 1) -> Membership {
        var member = Membership(life: 1, session: .seconds(2))
        member.beginsToJoin(claiming: [])
        member.joined("m", generation: 4)
        member.synced(WorkShare(life: life, partitions: [first: 5, second: 6], hasDuties: true), sentAt: at(0))
        return member
    }

    @Test func whoJoinsMayWriteWhatItGot() {
        var outside = Membership(life: 1, session: .seconds(2))
        #expect(outside.wantsToJoin && !outside.isInside && outside.leaseEnd == nil && outside.claims.isEmpty)
        outside.beginsToJoin(claiming: [])
        #expect(!outside.wantsToJoin)
        let member = Self.member()
        #expect(!member.wantsToJoin && member.isInside && member.claims == [Self.first, Self.second])
        #expect(member.memberID == "m" && member.generation == 4)
    }

    /// The group counts from when it hears, which is later.
    @Test func itsLeaseEndsBeforeTheGroupGivesItUp() throws {
        var member = Self.member()
        #expect(try #require(member.leaseEnd) == Self.at(1_800))
        member.answered(.taken, generation: 4, sentAt: Self.at(500))
        #expect(try #require(member.leaseEnd) == Self.at(2_300))
        member.answered(.taken, generation: 4, sentAt: Self.at(300))
        #expect(try #require(member.leaseEnd) == Self.at(2_300), "an answer that was overtaken tells nothing")
        member.answered(.other, generation: 4, sentAt: Self.at(900))
        member.answered(.taken, generation: 3, sentAt: Self.at(900))
        #expect(try #require(member.leaseEnd) == Self.at(2_300))
    }

    /// Otherwise nobody would ever be given it.
    @Test func whatItHasBroughtWithoutTheGroupItLetsGoOf() {
        var member = Membership(life: 1, session: .seconds(2))
        member.beginsToJoin(claiming: [Self.first, Self.second])
        member.joined("m", generation: 8)
        // Others begin the next generation before this one knows its share.
        member.failedToJoin(.rebalancing)
        member.beginsToJoin(claiming: [Self.first, Self.second])
        member.joined("m", generation: 9)
        member.synced(WorkShare(life: 1, partitions: [Self.first: 5]), sentAt: Self.at(0))
        #expect(member.releasing == [Self.second] && !member.wantsToJoin)
        member.released([Self.second])
        #expect(member.claims == [Self.first] && member.wantsToJoin)
    }

    @Test func whileOthersJoinItGoesOn() throws {
        var member = Self.member()
        member.answered(.rebalancing, generation: 4, sentAt: Self.at(700))
        #expect(member.wantsToJoin && member.isInside)
        #expect(try #require(member.leaseEnd) == Self.at(2_500))
        member.beginsToJoin(claiming: [])
        member.answered(.rebalancing, generation: 4, sentAt: Self.at(800))
        #expect(!member.wantsToJoin, "it is joining already")
        // The next generation has begun, and its answer is on its way.
        member.answered(.staleGeneration, generation: 4, sentAt: Self.at(900))
        #expect(member.isInside && member.claims.count == 2)
    }

    @Test func whatIsTakenFromItItClaimsUntilItIsReleased() {
        var member = Self.member()
        member.beginsToJoin(claiming: [])
        member.joined("m", generation: 5)
        member.synced(WorkShare(life: 1, partitions: [Self.first: 5]), sentAt: Self.at(100))
        #expect(member.releasing == [Self.second] && Set(member.owned.keys) == [Self.first])
        #expect(member.claims == [Self.first, Self.second] && !member.wantsToJoin)
        member.released([Self.second])
        #expect(member.claims == [Self.first] && member.wantsToJoin)
    }

    @Test(arguments: [Membership.Word.unknownMember, .replaced, .staleGeneration]) func whoIsExpelledHasNothing(
        word: Membership.Word
    ) {
        var member = Self.member()
        member.answered(word, generation: 4, sentAt: Self.at(3_000))
        #expect(!member.isInside && member.claims.isEmpty && member.leaseEnd == nil && member.wantsToJoin)
        #expect(member.memberID.isEmpty && member.generation == -1)

        var joining = Self.member()
        joining.beginsToJoin(claiming: [])
        joining.answered(word, generation: 4, sentAt: Self.at(3_000))
        #expect(joining.isInside, "the answer to joining tells")
        joining.failedToJoin(word)
        #expect(!joining.isInside && joining.claims.isEmpty && joining.wantsToJoin)
    }

    @Test func aGroupThatIsSilentTakesNothingBeforeTheLeaseEnds() throws {
        var member = Self.member()
        member.beginsToJoin(claiming: [])
        member.failedToJoin(.other)
        #expect(member.isInside && member.wantsToJoin && member.claims.count == 2)
        #expect(try #require(member.leaseEnd) == Self.at(1_800))
    }

    @Test func whoTakesAnothersPlaceSaysSo() {
        let member = Self.member(life: 77)
        #expect(member.isInside && member.claims.count == 2 && member.wantsToJoin)
    }
}
