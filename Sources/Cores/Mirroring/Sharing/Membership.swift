import ClusterModel

/// A process among those that share a link: what it brings, and until when.
///
///     outside ──joined, synced──▶ inside ──others come or go, or it has let go of something──▶ inside (joins again)
///        ▲────────expelled───────────┘
///
/// The group gives its work to another when it has not heard of it for a session. It counts the session from when it
/// *sent* what the group has answered, so by its own clock it is over first. What is to move it lets go of and says so by
/// joining again; until then nobody else gets it.
package struct Membership: Sendable {
    /// What the group says to a member.
    package enum Word: Sendable {
        case taken
        /// All are to join again.
        case rebalancing
        /// There is a later generation.
        case staleGeneration
        /// It is none.
        case unknownMember
        /// Another has its place, by the same name.
        case replaced
        /// Nothing that tells how it stands.
        case other
    }

    /// Part of a session that is left for what is on its way when it ends.
    private static let margin = 0.1

    package let life: Int64
    /// How long the group waits for a word.
    package var session: Duration
    /// Empty outside.
    package private(set) var memberID = ""
    /// -1 outside.
    package private(set) var generation: Int32 = -1
    /// The last that was told; nil outside.
    package private(set) var share: WorkShare?
    /// What of its share it was to let go of and may still have under way.
    package private(set) var releasing: Set<TopicPartition> = []
    package private(set) var wantsToJoin = true
    /// When something was sent that was answered; nil outside.
    private var heardAt: ContinuousClock.Instant?
    private var isJoining = false
    /// What the request to join has said that it brings.
    private var claimed: Set<TopicPartition> = []

    package init(life: Int64, session: Duration) {
        self.life = life
        self.session = session
    }

    package var isInside: Bool { share != nil }

    /// What it brings while it may write.
    package var owned: [TopicPartition: Int64] { share?.partitions ?? [:] }

    /// What nobody else may be given yet.
    package var claims: Set<TopicPartition> { releasing.union(owned.keys) }

    /// Until when it may write; nil outside.
    package var leaseEnd: ContinuousClock.Instant? {
        guard isInside, let heardAt else { return nil }
        return heardAt + session * (1 - Self.margin)
    }

    // MARK: Joining

    /// A request to join goes out, with ``memberID`` and what it brings: ``claims``, or more where it has gone on without
    /// the group.
    package mutating func beginsToJoin(claiming partitions: Set<TopicPartition>) {
        wantsToJoin = false
        isJoining = true
        claimed = partitions
    }

    /// It is in a generation; the share comes when all are.
    package mutating func joined(_ memberID: String, generation: Int32) {
        self.memberID = memberID
        self.generation = generation
    }

    /// The share of the generation has come.
    package mutating func synced(_ share: WorkShare, sentAt moment: ContinuousClock.Instant) {
        isJoining = false
        heard(moment)
        // Nobody else is given what was claimed until it is said that it is not brought here any more.
        releasing = claims.union(claimed).subtracting(share.partitions.keys)
        self.share = share
        // Made for who was here before: the group does not know yet what this one knows.
        if share.life != life { wantsToJoin = true }
    }

    /// Joining or syncing came to nothing.
    package mutating func failedToJoin(_ word: Word) {
        isJoining = false
        wantsToJoin = true
        switch word {
        case .unknownMember, .replaced, .staleGeneration: expel()
        case .taken, .rebalancing, .other: break
        }
    }

    /// Nothing of these is under way any more.
    package mutating func released(_ partitions: Set<TopicPartition>) {
        guard !releasing.isEmpty else { return }
        releasing.subtract(partitions)
        if releasing.isEmpty { wantsToJoin = true }
    }

    /// What it has to tell has changed.
    package mutating func joinAgain() { wantsToJoin = true }

    // MARK: Staying

    /// The group answered a sign of life that was sent under `generation`.
    package mutating func answered(_ word: Word, generation: Int32, sentAt moment: ContinuousClock.Instant) {
        switch word {
        case .taken where generation == self.generation: heard(moment)
        case .rebalancing where generation == self.generation:
            heard(moment)
            if !isJoining { wantsToJoin = true }
        // While it joins the answer to that tells: the next generation may have begun already.
        case .unknownMember where !isJoining, .replaced where !isJoining: expel()
        case .staleGeneration where generation == self.generation && !isJoining: expel()
        case .taken, .rebalancing, .staleGeneration, .unknownMember, .replaced, .other: break
        }
    }

    private mutating func heard(_ moment: ContinuousClock.Instant) { heardAt = max(heardAt ?? moment, moment) }

    /// Others may have its work by now.
    private mutating func expel() {
        memberID = ""
        generation = -1
        share = nil
        releasing = []
        heardAt = nil
        wantsToJoin = true
    }
}
