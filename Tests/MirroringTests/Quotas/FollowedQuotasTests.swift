import NIOCore
import Testing
import WireCoding

@testable import Mirroring

@Suite struct FollowedQuotasTests {
    private let rate = QuotaName(of: [.init("user", "alice")], "producer_byte_rate")
    private let other = QuotaName(of: [.init("user", nil), .init("client-id", "reports")], "consumer_byte_rate")

    @Test func whatNobodyHasLimitedAtTheTargetIsSet() {
        let followed = FollowedQuotas(source: [rate: 10, other: 20], target: [:], marked: [:])
        #expect(followed.sets == [rate: 10, other: 20])
        #expect(followed.removals.isEmpty && followed.givenUp.isEmpty && followed.drift.isEmpty)
    }

    @Test func theTargetsOwnStays() {
        let differs = FollowedQuotas(source: [rate: 10], target: [rate: 5, other: 1], marked: [:])
        #expect(differs.sets.isEmpty && differs.removals.isEmpty)
        let agrees = FollowedQuotas(source: [rate: 10], target: [rate: 10], marked: [:])
        #expect(agrees == FollowedQuotas(source: [:], target: [:], marked: [:]))
        // Equal by chance: it goes on belonging to the target when the source gives it up.
        #expect(FollowedQuotas(source: [:], target: [rate: 10], marked: [:]).removals.isEmpty)
    }

    @Test func whatTheLinkHasSetFollows() {
        let raised = FollowedQuotas(source: [rate: 11], target: [rate: 10], marked: [rate: [10]])
        #expect(raised.sets == [rate: 11] && raised.marks == [rate: [10, 11]] && raised.drift.isEmpty)
        let gone = FollowedQuotas(source: [:], target: [rate: 10], marked: [rate: [10]])
        #expect(gone.removals == [rate] && gone.givenUp == [rate])
    }

    @Test func driftIsToldAndMended() {
        let changed = FollowedQuotas(source: [rate: 10], target: [rate: 7], marked: [rate: [10]])
        #expect(changed.sets == [rate: 10] && changed.drift == [rate: 7])
        let removed = FollowedQuotas(source: [rate: 10], target: [:], marked: [rate: [10]])
        #expect(removed.sets == [rate: 10] && removed.drift == [rate: nil])
    }

    @Test func whatWasChangedAtTheTargetAndGivenUpAtTheSourceStays() {
        let followed = FollowedQuotas(source: [:], target: [rate: 7], marked: [rate: [10]])
        #expect(followed.removals.isEmpty && followed.givenUp == [rate])
    }

    /// After an end at any point between mark and change, the next look brings about the same.
    @Test func anEndAtAnyPointIsMadeGood() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            var target: [QuotaName: Double] = [:]
            var marks: [QuotaName: Set<Double>] = [:]
            let own = Bool.random(using: &random) ? [other: 1.0] : [:]
            target = own
            var source: [QuotaName: Double] = [:]
            for _ in 0..<6 {
                source = [:]
                for name in [rate, other] where Bool.random(using: &random) {
                    source[name] = Double(Int.random(in: 1...3, using: &random))
                }
                let followed = FollowedQuotas(source: source, target: target, marked: marks)
                let steps = Int.random(in: 0...3, using: &random)
                carryOut(followed, steps, &target, &marks)
            }
            carryOut(FollowedQuotas(source: source, target: target, marked: marks), 3, &target, &marks)
            for name in [rate, other] where own[name] == nil { #expect(target[name] == source[name]) }
            for (name, limit) in own { #expect(target[name] == limit) }
        }
    }

    private func carryOut(
        _ followed: FollowedQuotas, _ steps: Int, _ target: inout [QuotaName: Double],
        _ marks: inout [QuotaName: Set<Double>]
    ) {
        if steps > 0 { marks.merge(followed.marks) { $1 } }
        if steps > 1 {
            target.merge(followed.sets) { $1 }
            for name in followed.removals { target[name] = nil }
        }
        if steps > 2 { for name in followed.givenUp { marks[name] = nil } }
    }

    @Test func marksAreReadAsTheyWereWritten() throws {
        for name in [rate, other] { #expect(try QuotaName(recordKey: name.recordKey) == name) }
        #expect(try QuotaName.limits(recordValue: QuotaName.recordValue([0.25, 7])) == [0.25, 7])
        var cut = other.recordKey
        cut.moveWriterIndex(to: cut.writerIndex - 1)
        #expect(throws: MalformedInput.self) { try QuotaName(recordKey: cut) }
        #expect(throws: MalformedInput.self) { try QuotaName.limits(recordValue: ByteBuffer(bytes: [0, 0, 2])) }
    }
}
