import Quorum
import Seams
import Testing

@testable import CoordinatorKernel

/// What members of an ensemble know of themselves.
@Suite struct EnsembleFiguresTests {
    @Test func aLeaderCountsWhatItProposesAndAFollowerWhatItTakes() throws {
        var ensemble = EnsembleHarness()
        try ensemble.elect()
        let leader = try #require(ensemble.leader)
        let follower = try #require(ensemble.followers.first)
        let before = try #require(ensemble.kernels[leader]?.ensembleStatus?.statistics)
        _ = try ensemble.connect(1, to: follower)
        ensemble.ask(1, EnsembleHarness.create("/a"))
        #expect(try ensemble.reply(1, to: .create).header.error == .ok)

        let status = try #require(ensemble.kernels[leader]?.status())
        let leading = try #require(status.ensemble)
        #expect(status.role.name == "leader" && leading.quorum.role == .leading && leading.isServing)
        #expect(leading.statistics.proposals == before.proposals + 2)
        #expect(leading.statistics.proposalLatencies.count == before.proposalLatencies.count + 2)
        #expect(leading.statistics.proposalSizes.last > 0 && leading.statistics.leadingSince != nil)
        #expect(leading.statistics.electionTimes.count == 1 && leading.statistics.unavailableTimes.count == 1)
        guard case .leader(let leadership) = status.role else { return }
        #expect(leadership.learnerCount == 2 && leadership.syncedFollowerCount == 2)

        let following = try #require(ensemble.kernels[follower]?.ensembleStatus)
        #expect(following.quorum.role == .following(leader) && following.statistics.leadingSince == nil)
        #expect(following.statistics.receivedProposals >= 3 && following.statistics.receivedCommits >= 3)
        #expect(following.statistics.proposals == 0)
    }

    @Test func aMemberWithoutLeaderCountsItsTimeUntilThereIsOne() {
        let start = Instant(nanoseconds: 0, unixMilliseconds: 0)
        var statistics = EnsembleStatistics(at: start)
        statistics.becameLooking(at: start + .milliseconds(3))
        #expect(statistics.lookingCount == 2 && statistics.electionTimes.count == 0)
        statistics.foundLeader(isSelf: true, at: start + .milliseconds(5))
        statistics.beganServing(at: start + .milliseconds(7))
        #expect(statistics.electionTimes.sum == 5_000_000 && statistics.unavailableTimes.sum == 7_000_000)
        statistics.reset(at: start + .milliseconds(9))
        #expect(statistics.lookingCount == 0 && statistics.unavailableTimes.count == 0)
        #expect(statistics.leadingSince == start + .milliseconds(5))
        statistics.becameLooking(at: start + .milliseconds(10))
        statistics.foundLeader(isSelf: false, at: start + .milliseconds(12))
        #expect(statistics.leadingSince == nil && statistics.electionTimes.sum == 2_000_000)
    }

    @Test func aLeaderThatIsDeposedForgetsWhatItProposed() {
        let start = Instant(nanoseconds: 0, unixMilliseconds: 0)
        var statistics = EnsembleStatistics(at: start)
        statistics.foundLeader(isSelf: true, at: start)
        statistics.proposed([QuorumEntry(zxid: 7, record: .init(string: "four"))], at: start)
        statistics.committed(upTo: 6, at: start + .milliseconds(1))
        #expect(statistics.proposalLatencies.count == 0 && statistics.proposalSizes.last == 4)
        statistics.becameLooking(at: start + .milliseconds(2))
        statistics.committed(upTo: 7, at: start + .milliseconds(3))
        #expect(statistics.proposalLatencies.count == 0)
    }
}
