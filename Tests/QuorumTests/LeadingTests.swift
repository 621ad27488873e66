import NIOCore
import Seams
import Testing

@testable import Quorum

/// What a leader does about slow disks: its followers', and its own.
@Suite struct LeadingTests {
    private let epoch: Int32 = 1
    private let other = MemberID(2)
    private let silent = MemberID(3)

    /// A leader of three whose second member has everything up to its first entry, and whose third has answered once.
    private struct Leader {
        var member: QuorumMember
        var effects: [QuorumEffect] = []
        var now = Instant(nanoseconds: 0, unixMilliseconds: 0)
        var last = Epoch.opening(1)

        init(_ settings: QuorumSettings) {
            member = QuorumMember(
                MemberID(1), settings, Membership((1...3).map { Membership.Member(id: MemberID($0)) }),
                promise: QuorumPromise(), log: [], committed: 0, seed: 1, at: now)
            pass(.seconds(1))
            for isPreliminary in [true, false] {
                let answer = VoteAnswer(
                    epoch: 1, isPreliminary: isPreliminary, isGranted: true, lastZxid: 0, committed: 0)
                step(.received(.voteAnswered(answer), from: MemberID(2)))
            }
            step(.proposed([QuorumEntry(zxid: last, record: ByteBuffer())]))
            step(.persisted(upTo: last, truncationCount: 0))
            for id in [MemberID(2), MemberID(3)] { acknowledge(0, by: id) }
            step(.flushed)
            for id in [MemberID(2), MemberID(3)] { acknowledge(last, by: id) }
        }

        mutating func step(_ event: QuorumEvent) { member.step(event, at: now, into: &effects) }

        mutating func pass(_ duration: Duration) {
            now = now + duration
            step(.ticked)
        }

        mutating func acknowledge(_ zxid: Int64, by id: MemberID) {
            step(.received(.acknowledged(Acknowledgement(epoch: 1, zxid: zxid)), from: id))
        }

        mutating func propose(_ count: Int) {
            for _ in 0..<count {
                last += 1
                step(.proposed([QuorumEntry(zxid: last, record: ByteBuffer(repeating: 7, count: 936))]))
                step(.flushed)
            }
        }

        /// The bytes of entries that a member has been sent.
        func sent(to id: MemberID) -> Int {
            effects.reduce(0) { sum, effect in
                guard case .send(.entries(let append), id) = effect else { return sum }
                return sum + append.entries.reduce(0) { $0 + RecentLog.size(of: $1) }
            }
        }
    }

    private var settings: QuorumSettings {
        var settings = QuorumSettings()
        settings.largestWindowInBytes = 10_000
        settings.largestAppendInBytes = 2_000
        return settings
    }

    @Test func whoSaysNothingIsDurableIsSentNoMoreThanAWindow() throws {
        var leader = Leader(settings)
        try #require(leader.member.isLeading && leader.member.committed == Epoch.opening(epoch))
        let before = leader.sent(to: silent)
        leader.propose(200)
        #expect(leader.sent(to: silent) - before >= 9_000)
        #expect(leader.sent(to: silent) - before <= 12_000)
        // As much as is durable makes room for more.
        leader.acknowledge(Epoch.opening(epoch) + 5, by: silent)
        leader.step(.flushed)
        #expect(leader.sent(to: silent) - before <= 17_000)
        #expect(leader.sent(to: silent) - before >= 14_000)
    }

    @Test func aLinkThatIsMadeAgainStartsTheSameWindowAgain() throws {
        var leader = Leader(settings)
        leader.propose(200)
        for _ in 0..<5 {
            leader.step(.linkLost(silent))
            leader.step(.flushed)
            leader.effects = []
            leader.acknowledge(Epoch.opening(epoch), by: silent)
            leader.step(.flushed)
            #expect(leader.sent(to: silent) <= 12_000)
            let sent = leader.effects.compactMap { effect -> Int64? in
                guard case .send(.entries(let append), silent) = effect else { return nil }
                return append.entries.last?.zxid
            }
            #expect(try #require(sent.max()) <= Epoch.opening(epoch) + 12, "nothing beyond the first window")
        }
    }

    @Test func whoLagsBehindWhatIsKeptIsSentTheState() {
        var settings = settings
        settings.recentLogSizeInBytes = 20_000
        var leader = Leader(settings)
        for _ in 0..<10 {
            leader.propose(10)
            leader.step(.persisted(upTo: leader.last, truncationCount: 0))
            leader.acknowledge(leader.last, by: other)
        }
        leader.step(.flushed)
        #expect(leader.effects.contains(.sendSnapshot(to: silent)))
        #expect(!leader.effects.contains(.sendSnapshot(to: other)))
    }

    @Test func whoseOwnDiskLagsTooFarMakesPlaceForAnother() {
        var settings = settings
        settings.recentLogSizeInBytes = 20_000
        var leader = Leader(settings)
        for _ in 0..<3 {
            leader.propose(5)
            for id in [other, silent] { leader.acknowledge(leader.last, by: id) }
        }
        leader.pass(.milliseconds(50))
        #expect(leader.member.isLeading, "a little is no matter")
        for _ in 0..<10 {
            leader.propose(5)
            for id in [other, silent] { leader.acknowledge(leader.last, by: id) }
        }
        leader.effects = []
        leader.pass(.milliseconds(50))
        #expect(!leader.member.isLeading)
        #expect(leader.effects.contains(.send(.leadershipOffered(epoch: epoch), to: other)))
        #expect(leader.effects.contains { if case .report(.diskLags) = $0 { true } else { false } })
    }
}
