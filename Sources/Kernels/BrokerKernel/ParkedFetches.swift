import ClusterModel
import Seams

/// A fetch that found too little and waits for more, until its deadline.
struct ParkedFetch {
    var request: Request
    var plan: FetchPlan
    var deadline: Instant
    /// The partitions that were looked at last; those of its session that are quiet are not among them.
    fileprivate var watched: [TopicPartition] = []
    fileprivate var awaitsImage = false
    fileprivate var isScheduled = false

    init(request: Request, plan: FetchPlan, deadline: Instant) {
        self.request = request
        self.plan = plan
        self.deadline = deadline
    }
}

/// Fetches that wait, found by partition, by session and by time. At most one answer each.
struct ParkedFetches {
    private var fetches: [ConnectionID: [ParkedFetch]] = [:]
    private var count = 0
    private var waiting: [TopicPartition: Set<ReplyTicket>] = [:]
    /// Those of incremental fetches, for the quiet partitions of their sessions.
    private var waitingSessions: [Int32: Set<ReplyTicket>] = [:]
    /// Those of brokers that have read more of the tree than this one.
    private var awaitingImage: Set<ReplyTicket> = []
    private var hasNewImage = false
    private var grown: [Partition] = []
    private var deadlines = Deadlines<ReplyTicket>()

    var nextDeadline: Instant { deadlines.next }
    /// Whether something was noted since ``takeConcerned(at:stirring:)``.
    var hasNews: Bool { !grown.isEmpty || hasNewImage }

    /// - Parameters:
    ///   - watched: the partitions whose changes concern it, besides the quiet ones of its session.
    ///   - awaitsImage: whether a newer image of the cluster concerns it.
    mutating func park(_ fetch: ParkedFetch, watching watched: [TopicPartition], awaitsImage: Bool) {
        var fetch = fetch
        let ticket = fetch.request.ticket
        fetch.watched = watched
        fetch.awaitsImage = awaitsImage
        if awaitsImage { awaitingImage.insert(ticket) }
        if !fetch.isScheduled { deadlines.add(ticket, due: fetch.deadline) }
        fetch.isScheduled = true
        for partition in watched { waiting[partition, default: []].insert(ticket) }
        if fetch.plan.isIncremental { waitingSessions[fetch.plan.sessionID, default: []].insert(ticket) }
        keep(fetch)
    }

    /// Parks a fetch that is not to be looked at before `due`, whatever happens.
    mutating func hold(_ fetch: ParkedFetch, until due: Instant) {
        deadlines.add(fetch.request.ticket, due: due)
        keep(fetch)
    }

    private mutating func keep(_ fetch: ParkedFetch) {
        fetches[fetch.request.ticket.connection, default: []].append(fetch)
        count += 1
    }

    /// Notes that a partition's readable end or start, or its leadership, has changed.
    mutating func note(_ partition: Partition) {
        guard !partition.hasGrown, !partition.quietSessions.isEmpty || waiting[partition.name] != nil else { return }
        partition.hasGrown = true
        grown.append(partition)
    }

    /// Notes that there is a newer image of the cluster.
    mutating func noteImage() { hasNewImage = true }

    /// Takes out the fetches that one of the noted partitions or their deadline concerns, in a fixed order, and stirs
    /// the partitions in the sessions to which they were quiet.
    mutating func takeConcerned(at now: Instant, stirring sessions: inout FetchSessions) -> [ParkedFetch] {
        var tickets: Set<ReplyTicket> = []
        for partition in grown {
            partition.hasGrown = false
            if let found = waiting[partition.name] { tickets.formUnion(found) }
            for session in partition.quietSessions {
                sessions[session]?.stir(partition)
                if let found = waitingSessions[session] { tickets.formUnion(found) }
            }
            partition.quietSessions.removeAll(keepingCapacity: true)
        }
        grown.removeAll(keepingCapacity: true)
        if hasNewImage { tickets.formUnion(awaitingImage) }
        hasNewImage = false
        while let ticket = deadlines.take(at: now) { tickets.insert(ticket) }
        return tickets.compactMap { take($0) }.sorted {
            ($0.request.ticket.connection, $0.request.ticket.place) < (
                $1.request.ticket.connection, $1.request.ticket.place
            )
        }
    }

    /// Takes out the incremental fetch of a session that waits, if it came by this connection.
    mutating func take(session: Int32, of connection: ConnectionID) -> ParkedFetch? {
        fetches[connection]?.first { $0.plan.isIncremental && $0.plan.sessionID == session }
            .flatMap { take($0.request.ticket) }
    }

    /// Forgets the deadlines of fetches that were answered before; when all that wait are parked.
    mutating func dropDeadlinesOfAnswered() {
        while let ticket = deadlines.first, !isParked(ticket) { deadlines.removeFirst() }
        guard deadlines.count > 2 * count + 64 else { return }
        let parked = Set(fetches.values.joined().lazy.map(\.request.ticket))
        deadlines.keep { parked.contains($0) }
    }

    mutating func drop(_ connection: ConnectionID) {
        for fetch in fetches[connection] ?? [] { _ = take(fetch.request.ticket) }
    }

    private func isParked(_ ticket: ReplyTicket) -> Bool {
        fetches[ticket.connection]?.contains { $0.request.ticket == ticket } ?? false
    }

    private mutating func take(_ ticket: ReplyTicket) -> ParkedFetch? {
        guard let place = fetches[ticket.connection]?.firstIndex(where: { $0.request.ticket == ticket }),
            let fetch = fetches[ticket.connection]?.remove(at: place)
        else { return nil }
        if fetches[ticket.connection]?.isEmpty ?? false { fetches[ticket.connection] = nil }
        count -= 1
        if fetch.awaitsImage { awaitingImage.remove(ticket) }
        for partition in fetch.watched { Self.remove(ticket, at: partition, from: &waiting) }
        if fetch.plan.isIncremental { Self.remove(ticket, at: fetch.plan.sessionID, from: &waitingSessions) }
        return fetch
    }

    private static func remove<Key: Hashable>(
        _ ticket: ReplyTicket, at key: Key, from sets: inout [Key: Set<ReplyTicket>]
    ) {
        sets[key]?.remove(ticket)
        if sets[key]?.isEmpty ?? false { sets[key] = nil }
    }
}
