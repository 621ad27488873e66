import Quorum
import Seams

/// A member of a simulated ensemble: the core, its disk, and what its shell has to remember.
struct SimulatedMember {
    enum Role: Equatable {
        case looking
        case following(MemberID, epoch: Int32)
        case leading(epoch: Int32)
    }

    let id: MemberID
    var disk: MemberDisk
    /// Nil while the process does not run.
    var core: QuorumMember?
    var clock = SkewedClock()
    var role = Role.looking
    /// What the state machine has applied and may speak of.
    var applied: PrefixState
    /// Of the process: what was planned for an earlier one means nothing.
    var life = 0
    /// Of the log since the process started.
    var truncationCount = 0
    /// A sync of the log as it was before another took its place means nothing.
    var installCount = 0
    var isSyncing = false
    /// While the process is stopped by its system.
    var pausedUntil: Int64 = 0
    /// How long a sync takes at most; it fails when this is nil.
    var longestSync: Duration? = .milliseconds(4)

    init(_ id: MemberID, _ membership: Membership) {
        self.id = id
        disk = MemberDisk(membership)
        applied = disk.live.base
    }

    var logLife: LogLife { LogLife(life: life, installCount: installCount) }

    /// The epoch that it leads.
    var leading: Int32? {
        if case .leading(let epoch) = role { epoch } else { nil }
    }

    /// - Parameter time: the simulation's, in nanoseconds.
    mutating func start(_ settings: QuorumSettings, seed: UInt64, at time: Int64) {
        life += 1
        truncationCount = 0
        isSyncing = false
        role = .looking
        applied = disk.live.base
        core = QuorumMember(
            id, settings, applied.membership, promise: disk.promise, log: disk.live.entries,
            committed: applied.zxid, seed: seed, at: clock.instant(at: time))
    }

    mutating func end(losesPower: Bool, _ random: inout SeededRandom) {
        core = nil
        life += 1
        role = .looking
        pausedUntil = 0
        longestSync = .milliseconds(4)
        disk.end(losesPower: losesPower, &random)
    }

    /// What its administrator does after the disk was lost.
    mutating func loseDisk(_ membership: Membership) {
        disk = MemberDisk(membership, QuorumPromise(standing: .rebuilding))
        applied = disk.live.base
    }
}

/// One log of one process.
struct LogLife: Equatable {
    var life: Int
    var installCount: Int
}
