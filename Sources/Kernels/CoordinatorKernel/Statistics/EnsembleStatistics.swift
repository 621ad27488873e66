import NIOCore
import Quorum
import Seams

/// What a member has seen of its ensemble since its start or the last `srst`.
package struct EnsembleStatistics: Sendable {
    /// Times in which no leader was known.
    package var lookingCount: Int64 = 0
    /// Times that another member's tree was different.
    package var digestMismatches: Int64 = 0
    /// How long these lasted, in nanoseconds.
    package var electionTimes = Distribution()
    /// How long clients were not served, in nanoseconds.
    package var unavailableTimes = Distribution()
    /// Changes proposed while leading, by the batch.
    package var proposals: Int64 = 0
    /// In bytes of a change.
    package var proposalSizes = SizeStatistics()
    /// From a proposal to its commit, in nanoseconds.
    package var proposalLatencies = Distribution()
    /// Changes taken from a leader, and those of them that were committed.
    package var receivedProposals: Int64 = 0
    package var receivedCommits: Int64 = 0
    /// States sent to members that lagged too far for changes.
    package var sentSnapshots: Int64 = 0
    /// When this member began to lead; nil while it does not.
    package private(set) var leadingSince: Instant?
    private var lookingSince: Instant?
    private var unavailableSince: Instant?
    /// What has been proposed and not yet been committed, oldest first.
    private var outstanding = CircularBuffer<(zxid: Int64, at: Instant)>()

    /// A member that has just been started looks for a leader.
    package init(at now: Instant) { becameLooking(at: now) }

    mutating func becameLooking(at now: Instant) {
        lookingCount += 1
        lookingSince = lookingSince ?? now
        unavailableSince = unavailableSince ?? now
        leadingSince = nil
        outstanding.removeAll(keepingCapacity: true)
    }

    mutating func foundLeader(isSelf: Bool, at now: Instant) {
        if let lookingSince { electionTimes.add((now - lookingSince).nanoseconds) }
        lookingSince = nil
        leadingSince = isSelf ? now : nil
    }

    mutating func beganServing(at now: Instant) {
        if let unavailableSince { unavailableTimes.add((now - unavailableSince).nanoseconds) }
        unavailableSince = nil
    }

    mutating func proposed(_ entries: [QuorumEntry], at now: Instant) {
        guard let last = entries.last else { return }
        proposals += Int64(entries.count)
        for entry in entries { proposalSizes.add(entry.record.readableBytes) }
        outstanding.append((last.zxid, now))
    }

    mutating func committed(upTo zxid: Int64, at now: Instant) {
        while let first = outstanding.first, first.zxid <= zxid {
            proposalLatencies.add((now - first.at).nanoseconds)
            outstanding.removeFirst()
        }
    }

    /// Begins all counts anew; what lasts goes on.
    mutating func reset(at now: Instant) {
        var fresh = EnsembleStatistics(at: now)
        fresh.lookingCount = 0
        (fresh.lookingSince, fresh.unavailableSince) = (lookingSince, unavailableSince)
        (fresh.leadingSince, fresh.outstanding) = (leadingSince, outstanding)
        self = fresh
    }

    /// Ends a window of the distributions.
    mutating func turn() {
        electionTimes.turn()
        unavailableTimes.turn()
        proposalLatencies.turn()
    }
}

/// What there is to say of a member of an ensemble.
package struct EnsembleStatus: Sendable {
    package var id: MemberID
    package var quorum: QuorumStatus
    /// Whether clients are served.
    package var isServing: Bool
    package var statistics: EnsembleStatistics

    package init(id: MemberID, quorum: QuorumStatus, isServing: Bool, statistics: EnsembleStatistics) {
        self.id = id
        self.quorum = quorum
        self.isServing = isServing
        self.statistics = statistics
    }
}
