import ClusterModel
import Seams

/// How waiting for the high watermark ended.
enum CommitOutcome {
    case committed
    /// This broker leads no more: it will not know.
    case deposed
    /// The time was up before. What was appended stays, and may be committed later.
    case late
}

/// Those who may speak only when all that a log held is committed, and not later than they were given.
struct WaitingSpeakers {
    /// Which one waits.
    struct ID: Hashable { fileprivate var value: UInt64 }

    private var speakers: [ID: (inout BrokerKernel, CommitOutcome) -> Void] = [:]
    private var deadlines = Deadlines<ID>()
    private var lastID: UInt64 = 0

    var nextDeadline: Instant { deadlines.next }

    mutating func add(
        _ speak: @escaping (inout BrokerKernel, CommitOutcome) -> Void, until deadline: Instant
    ) -> ID {
        lastID += 1
        let id = ID(value: lastID)
        speakers[id] = speak
        if deadlines.count > 2 * speakers.count + 64 { deadlines.keep { [speakers] in speakers[$0] != nil } }
        deadlines.add(id, due: deadline)
        return id
    }

    /// nil when it has spoken already.
    mutating func take(_ id: ID) -> ((inout BrokerKernel, CommitOutcome) -> Void)? { speakers.removeValue(forKey: id) }

    /// Takes one whose time is up; nil when there is none.
    mutating func takeDue(at now: Instant) -> ((inout BrokerKernel, CommitOutcome) -> Void)? {
        while let id = deadlines.take(at: now) {
            if let speak = take(id) { return speak }
        }
        return nil
    }
}

extension BrokerKernel {
    /// Goes on with `speak` once all that the log holds now is committed, perhaps now, or when it is known that this
    /// will not be known in time.
    mutating func whenCommitted(
        _ partition: Partition, by deadline: Instant,
        _ speak: @escaping (inout BrokerKernel, CommitOutcome) -> Void
    ) {
        guard partition.isLeader else { return speak(&self, .deposed) }
        guard partition.answeredEnd < partition.log.logEndOffset else { return speak(&self, .committed) }
        let id = waitingSpeakers.add(speak, until: deadline)
        partition.gate.wait(.speaker(id), for: partition.log.logEndOffset)
    }

    /// Tells those who have waited long enough.
    mutating func endLateSpeakers() {
        while let speak = waitingSpeakers.takeDue(at: now) { speak(&self, .late) }
    }
}
