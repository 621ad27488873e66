import Synchronization

/// When each record of a run was sent, by its place in the run.
final class SentTimes: Sendable {
    private let times = Mutex<[ContinuousClock.Instant]>([])

    func append(_ time: ContinuousClock.Instant) { times.withLock { $0.append(time) } }

    func time(of place: Int) -> ContinuousClock.Instant {
        times.withLock { times in
            precondition(
                times.indices.contains(place), "record \(place) arrived and was not sent: others write here too")
            return times[place]
        }
    }
}
