import ClusterModel
import Seams

/// The leader's side of a partition for one leader epoch: how far its followers are, who is in sync, and the high
/// watermark that follows from both.
///
/// The in-sync set is the tree's; a change is asked for and holds once a newer state of the tree shows it. Until then
/// both count: the high watermark waits for the members of the old set and of the new one (the maximal in-sync set,
/// KIP-497), so that it was right whatever becomes of the change. One change at a time is under way.
///
/// What only the leader has must survive a power cut of its machine: alone in sync, it commits what it has synced. So it
/// syncs before it becomes alone, too; the others' logs count no more then.
///
/// Positions of followers are those of this epoch: in another epoch a follower may have cut its log to that of another
/// leader. So a new epoch, also of the same leader, begins with a new value.
///
/// Invariant: the high watermark never goes back and never passes the log's end.
package struct PartitionLeader: ProtocolCore, Sendable {
    package enum Event: Sendable {
        /// The leader's own log ends at this offset now.
        case appended(end: Offset)
        /// A follower asked for records from `offset`: what lies before, as far back as `logStart`, is in its log, as
        /// it is in the leader's. The asker has compared the epochs (KIP-101, KIP-595). `brokerEpoch` is the follower's
        /// own, -1 when it does not tell; `mayBeInSync`: see ``FollowerProgress/mayBeInSync``.
        case followerFetched(BrokerID, from: Offset, logStart: Offset, brokerEpoch: Int64 = -1, mayBeInSync: Bool)
        /// A broker's registration is another; `epoch` is nil when it is gone, or the broker is shutting down. Where another
        /// one in sync stays, the controller takes it out of the set; where none does, only the leader itself can tell that
        /// it lives and has all on its disk.
        case followerRegistered(BrokerID, epoch: Int64?)
        /// All before this offset in the leader's own log survives a power cut.
        case synced(upTo: Offset)
        /// A newer state of the tree, of the same leader epoch.
        case termChanged(LeaderTerm)
        /// `min.insync.replicas` of the topic.
        case minimumChanged(Int)
        /// The change of the in-sync set that was asked for was refused, or it is not known whether it was made.
        case inSyncChangeFailed
        /// Time has passed; wanted by ``PartitionLeader/deadline``.
        case tick
    }

    package enum Effect: Sendable, Equatable {
        case advanceHighWatermark(Offset)
        /// Asks for a sync of the leader's own log, up to where it ends; `synced` is to follow.
        case synchronize
        /// Asks the tree for another in-sync set, on the condition that its state has this version. The outcome comes
        /// back as a `termChanged`, or as `inSyncChangeFailed`.
        case changeInSync([BrokerID], stateVersion: Int32)
    }

    package let broker: BrokerID
    package private(set) var term: LeaderTerm
    /// Where the log ended when the epoch began: who is not there yet lacks records that were committed before.
    package let epochStart: Offset
    package private(set) var logEnd: Offset
    package private(set) var highWatermark: Offset
    /// When a `tick` is wanted; `never` while there is nothing to watch.
    package private(set) var deadline = Instant.never
    private var minimumInSync: Int
    private var followers: [FollowerProgress]
    /// What the tree was asked for and has not shown yet.
    private var pending: [BrokerID]?
    private var retryAt: Instant?
    private var syncedEnd: Offset
    private var isSyncUnderWay = false
    /// Whether there is nobody else to stay in sync, and what is committed has to be synced before the tree is asked.
    private var awaitsSync = false
    private let lagLimit: Duration

    /// How long to wait before asking again for a change that failed.
    private static let retryBackoff = Duration.milliseconds(500)

    /// - Parameters:
    ///   - logEnd: where the leader's log ends as it takes over.
    ///   - highWatermark: what it knew to be committed until then.
    ///   - syncedEnd: up to where its log is synced.
    ///   - minimumInSync: `min.insync.replicas` of the topic.
    ///   - lagLimit: `replica.lag.time.max.ms`.
    package init(
        broker: BrokerID, term: LeaderTerm, logEnd: Offset, highWatermark: Offset, syncedEnd: Offset,
        minimumInSync: Int, lagLimit: Duration, at now: Instant
    ) {
        self.broker = broker
        self.term = term
        epochStart = logEnd
        self.logEnd = logEnd
        self.highWatermark = highWatermark
        self.syncedEnd = syncedEnd
        self.minimumInSync = minimumInSync
        self.lagLimit = lagLimit
        followers = term.replicas.filter { $0 != broker }.map {
            FollowerProgress(broker: $0, inSyncSince: term.inSync.contains($0) ? now : nil)
        }
        watch(at: now)
    }

    /// What `min.insync.replicas` comes to: no more replicas can be asked for than there are.
    package var effectiveMinimumInSync: Int { min(minimumInSync, term.replicas.count) }

    /// Whether so few replicas are in sync that nothing new may be committed.
    package var isUnderMinimum: Bool { term.inSync.count < effectiveMinimumInSync }

    /// Whether as many replicas as are asked for will be in sync if the change under way succeeds or fails.
    package var maximalInSyncCount: Int {
        term.inSync.count + (pending?.count { !term.inSync.contains($0) } ?? 0)
    }

    /// All that anybody was told of lies before it: an earlier leader may have told of more than this one knows.
    private var promisedEnd: Offset { max(highWatermark, epochStart) }

    /// Whether all that anybody was told of survives a power cut of the leader's machine.
    package var isDurable: Bool { syncedEnd >= promisedEnd }

    /// Whether nothing but what this log holds can ever be committed at its offsets: all of it is, and all in sync have
    /// fetched in this epoch from its end. One that has not may hold what an earlier leader appended behind it, and
    /// leads with that when this leader is gone.
    package var isSettled: Bool {
        highWatermark == logEnd && followers.allSatisfy { !isMaximallyInSync($0.broker) || $0.position >= logEnd }
    }

    package mutating func step(_ event: Event, at now: Instant, into effects: inout [Effect]) {
        switch event {
        case .appended(let end): append(end, at: now)
        case .followerFetched(let follower, let offset, let logStart, let brokerEpoch, let mayBeInSync):
            guard let place = followers.firstIndex(where: { $0.broker == follower }) else { return }
            followers[place].fetched(
                from: offset, logStart: logStart, leaderEnd: logEnd, brokerEpoch: brokerEpoch,
                mayBeInSync: mayBeInSync, at: now)
            if offset >= highWatermark, offset >= epochStart { ask(for: [follower], into: &effects) }
        case .followerRegistered(let follower, let epoch):
            guard let place = followers.firstIndex(where: { $0.broker == follower }) else { return }
            followers[place].registered(epoch: epoch)
            if epoch == nil, pending == nil { shrink(at: now, into: &effects) }
        case .synced(let end):
            syncedEnd = max(syncedEnd, end)
            isSyncUnderWay = false
            if awaitsSync {
                awaitsSync = false
                if pending == nil { shrink(at: now, into: &effects) }
            }
        case .termChanged(let newer): take(newer, at: now)
        case .minimumChanged(let minimum): minimumInSync = minimum
        case .inSyncChangeFailed:
            if pending != nil { retryAt = now + Self.retryBackoff }
        case .tick: tick(at: now, into: &effects)
        }
        advance(at: now, into: &effects)
        synchronize(into: &effects)
        // Who stands at the end has nothing to fetch, and would not be heard of again.
        ask(for: followers.lazy.filter { [logEnd] in $0.position >= logEnd }.map(\.broker), into: &effects)
        watch(at: now)
    }

    /// What the leader knows of a follower, for descriptions: the end of its log, -1 when it has not fetched yet, and
    /// when it was last caught up.
    package func progress(of follower: BrokerID) -> (position: Offset, caughtUpAt: Instant?)? {
        followers.first { $0.broker == follower }.map { ($0.position, $0.caughtUpAt) }
    }

    /// The followers in sync whose logs hold what lies at `offset`, or end there; the most caught up first.
    package func inSyncFollowers(holding offset: Offset) -> [BrokerID] {
        let holding = followers.filter {
            term.inSync.contains($0.broker) && $0.position >= offset && (0...offset).contains($0.logStart)
        }
        return holding.sorted { $0.rank > $1.rank }.map(\.broker)
    }

    /// The first offset that is in a log of this partition: the leader's begins at `logStart`, and followers that are
    /// not `living` do not count. -1 while a living one has not fetched yet.
    package func lowWatermark(from logStart: Offset, living: (BrokerID) -> Bool) -> Offset {
        followers.reduce(logStart) { living($1.broker) ? min($0, $1.logStart) : $0 }
    }

    // MARK: - What happens

    private mutating func append(_ end: Offset, at now: Instant) {
        precondition(end >= logEnd, "a leader's log went from \(logEnd) back to \(end)")
        for place in followers.indices { followers[place].leaderAppends(at: logEnd, at: now) }
        logEnd = end
    }

    /// Asks for an in-sync set with those of `candidates` that may be in it and are not.
    private mutating func ask(for candidates: some Sequence<BrokerID>, into effects: inout [Effect]) {
        guard pending == nil, term.inSync.count <= followers.count else { return }
        let earned = candidates.filter { candidate in
            !term.inSync.contains(candidate)
                && followers.contains { $0.broker == candidate && $0.mayBeInSync }
        }
        if !earned.isEmpty { change(to: term.inSync + earned, into: &effects) }
    }

    private mutating func take(_ newer: LeaderTerm, at now: Instant) {
        precondition(newer.epoch == term.epoch, "epoch \(newer.epoch) began within epoch \(term.epoch)")
        guard newer.stateVersion >= term.stateVersion else { return }
        if newer.stateVersion > term.stateVersion {
            pending = nil
            retryAt = nil
        }
        if newer.replicas != term.replicas {
            let known = followers
            followers = newer.replicas.filter { $0 != broker }.map { replica in
                known.first { $0.broker == replica }
                    ?? FollowerProgress(broker: replica, inSyncSince: newer.inSync.contains(replica) ? now : nil)
            }
        }
        for place in followers.indices {
            let broker = followers[place].broker
            if newer.inSync.contains(broker), !term.inSync.contains(broker) { followers[place].joined(at: now) }
        }
        term = newer
    }

    private mutating func tick(at now: Instant, into effects: inout [Effect]) {
        if let wanted = pending {
            guard let retryAt, retryAt <= now else { return }
            self.retryAt = nil
            return effects.append(.changeInSync(wanted, stateVersion: term.stateVersion))
        }
        shrink(at: now, into: &effects)
    }

    /// Asks for an in-sync set without those that lag. Before it is without anybody else, what was committed has to be
    /// synced.
    private mutating func shrink(at now: Instant, into effects: inout [Effect]) {
        let lost = lostMembers(at: now)
        guard !lost.isEmpty else { return }
        let inSync = term.inSync.filter { !lost.contains($0) }
        awaitsSync = inSync == [broker] && !isDurable
        if !awaitsSync { change(to: inSync, into: &effects) }
    }

    /// The members of the in-sync set that lag, and when nobody else is left, those that are gone or about to stop.
    private func lostMembers(at now: Instant) -> [BrokerID] {
        let others = followers.filter { term.inSync.contains($0.broker) }
        let lagging = others.filter { follower in
            follower.isCaughtUp(until: lagLimit, leaderEnd: logEnd).map { $0 <= now } ?? true
        }
        let staying = others.filter { other in !other.isLeaving && !lagging.contains { $0.broker == other.broker } }
        return (staying.isEmpty ? others : lagging).map(\.broker)
    }

    private mutating func change(to inSync: [BrokerID], into effects: inout [Effect]) {
        pending = inSync
        effects.append(.changeInSync(inSync, stateVersion: term.stateVersion))
    }

    // MARK: - What follows

    /// The high watermark is where the shortest log of those ends who are or may be in sync.
    ///
    /// It also waits for a follower that was at the log's end a short while ago and may be in sync: else one that comes
    /// back would run after a high watermark that the leader moves alone. With fewer replicas in sync than
    /// `min.insync.replicas` nothing is committed.
    private mutating func advance(at now: Instant, into effects: inout [Effect]) {
        guard logEnd > highWatermark, !isUnderMinimum else { return }
        var candidate = mayBeAlone ? min(logEnd, syncedEnd) : logEnd
        for follower in followers where follower.position < candidate {
            let counts =
                isMaximallyInSync(follower.broker)
                || follower.mayBeInSync
                    && follower.isCaughtUp(until: lagLimit, leaderEnd: logEnd).map { $0 > now } ?? false
            if counts { candidate = follower.position }
        }
        guard candidate > highWatermark else { return }
        highWatermark = candidate
        effects.append(.advanceHighWatermark(candidate))
    }

    /// Whether the tree says that there are others and that none of them is in sync, or may say so soon.
    private var mayBeAlone: Bool { !followers.isEmpty && (term.inSync == [broker] || pending == [broker]) }

    /// Keeps a sync under way while one is waited for: each takes what came during the one before.
    private mutating func synchronize(into effects: inout [Effect]) {
        let wanted = isUnderMinimum ? promisedEnd : logEnd
        guard mayBeAlone || awaitsSync, syncedEnd < wanted, !isSyncUnderWay else { return }
        isSyncUnderWay = true
        effects.append(.synchronize)
    }

    private func isMaximallyInSync(_ follower: BrokerID) -> Bool {
        term.inSync.contains(follower) || pending?.contains(follower) ?? false
    }

    /// Time matters to a change that has to be tried again, and to followers that are behind and count.
    private mutating func watch(at now: Instant) {
        if pending != nil {
            deadline = retryAt ?? .never
            return
        }
        deadline = .never
        if awaitsSync { return }
        let isSomebodyLeaving = followers.contains { $0.isLeaving && term.inSync.contains($0.broker) }
        if isSomebodyLeaving, !lostMembers(at: now).isEmpty {
            deadline = now
            return
        }
        for follower in followers where follower.position < logEnd {
            let isInSync = term.inSync.contains(follower.broker)
            guard let end = follower.isCaughtUp(until: lagLimit, leaderEnd: logEnd),
                isInSync || follower.mayBeInSync && end > now
            else { continue }
            deadline = min(deadline, end)
        }
    }
}
