import ClusterModel
import Seams

/// A fetch that found too little and waits for more, until its deadline.
struct ParkedFetch {
    var request: Request
    var plan: FetchPlan
    var deadline: Instant
}

/// Fetches that wait, found by partition. At most one answer each.
struct ParkedFetches {
    private var fetches: [ReplyTicket: ParkedFetch] = [:]
    private var waiting: [TopicPartition: Set<ReplyTicket>] = [:]
    private(set) var grown: [Partition] = []
    private(set) var nextDeadline: Instant?

    mutating func park(_ fetch: ParkedFetch) {
        fetches[fetch.request.ticket] = fetch
        for interest in fetch.plan.interests {
            waiting[interest.topicPartition, default: []].insert(fetch.request.ticket)
        }
        nextDeadline = min(nextDeadline ?? fetch.deadline, fetch.deadline)
    }

    /// Notes that a partition's readable end, or its leadership, has changed.
    mutating func note(_ partition: Partition) {
        guard !partition.hasGrown, waiting[partition.name] != nil else { return }
        partition.hasGrown = true
        grown.append(partition)
    }

    /// Takes out the fetches that one of the noted partitions or their deadline concerns, in a fixed order.
    mutating func takeConcerned(at now: Instant) -> [ParkedFetch] {
        var tickets: Set<ReplyTicket> = []
        for partition in grown {
            partition.hasGrown = false
            tickets.formUnion(waiting[partition.name] ?? [])
        }
        grown.removeAll(keepingCapacity: true)
        if let due = nextDeadline, due <= now {
            for fetch in fetches.values where fetch.deadline <= now { tickets.insert(fetch.request.ticket) }
        }
        guard !tickets.isEmpty else { return [] }
        let taken = tickets.compactMap { take($0) }
        nextDeadline = fetches.values.lazy.map(\.deadline).min()
        return taken.sorted {
            ($0.request.ticket.connection, $0.request.ticket.place) < (
                $1.request.ticket.connection, $1.request.ticket.place
            )
        }
    }

    mutating func drop(_ connection: ConnectionID) {
        for ticket in Array(fetches.keys) where ticket.connection == connection { _ = take(ticket) }
        nextDeadline = fetches.values.lazy.map(\.deadline).min()
    }

    private mutating func take(_ ticket: ReplyTicket) -> ParkedFetch? {
        guard let fetch = fetches.removeValue(forKey: ticket) else { return nil }
        for interest in fetch.plan.interests {
            waiting[interest.topicPartition]?.remove(ticket)
            if waiting[interest.topicPartition]?.isEmpty ?? false { waiting[interest.topicPartition] = nil }
        }
        return fetch
    }
}
