import ClusterModel
import MartletClient
import Mirroring
import Synchronization

/// How many fetches from one broker of the source are under way, each on a connection of its own, and how long they are.
///
/// A connection carries no more in a round trip than the kernel's buffers hold, some 3 MB where nobody has enlarged
/// them, and rests for a round trip between one answer and the next question. So a long and wide link needs more of
/// them, and fetches as long as the ``FetchWindow`` says. Near brokers do without: short ones stay in the processor's caches.
final class Lanes: Sendable {
    /// With a broker that is near.
    static let few = 4
    /// With one that is far away.
    static let most = 12
    /// A broker whose quickest answer takes longer than this is far away.
    private static let longRoundTrip = Duration.milliseconds(10)
    private static let bytesOfNearFetch = 2 << 20
    /// Of one that is far away.
    private static let bytesOfFarFetch = 1 << 20...8 << 20
    /// How soon the others see that they are needed.
    private static let look = Duration.milliseconds(250)

    private struct State {
        /// The quickest answers of each lane's connection.
        var roundTrips: [Int: Duration] = [:]
        var window = FetchWindow(
            bounds: most * bytesOfFarFetch.lowerBound...most * bytesOfFarFetch.upperBound)

        /// The others' were slowed by what was under way when they began.
        var roundTrip: Duration { roundTrips.values.min() ?? .zero }
        var isFar: Bool { roundTrip > longRoundTrip }
        var count: Int { isFar ? most : few }
        var bytesOfFetch: Int { isFar ? window.bytes / most : bytesOfNearFetch }
    }

    private let state = Mutex(State())

    /// How many are at work.
    var count: Int { state.withLock { $0.count } }

    /// What one fetch may bring at most.
    var bytesOfFetch: Int32 { state.withLock { Int32($0.bytesOfFetch) } }

    /// How many bytes the target may have to answer while more is read. From far away they come in bursts, for what is
    /// behind a hole is held back until that is filled.
    var bytesUnderWay: Int { state.withLock { $0.isFar } ? 128 << 20 : 32 << 20 }

    /// Waits until the lane of this index, from 0, is needed. Returns at once for the first few.
    func join(_ index: Int) async {
        while index >= count {
            state.withLock { $0.roundTrips[index] = nil }
            guard await Attempts.pause(Self.look) else { return }
        }
    }

    /// Reads on a lane's connection, and notes what that tells of the way to the broker.
    func read(
        _ index: Int, _ fetch: RawFetch, _ positions: [(partition: TopicPartition, offset: Offset)],
        on connection: BrokerConnection
    ) async throws -> [RawFetch.Partition] {
        began(index, roundTrip: connection.roundTrip)
        let begin = ContinuousClock.now
        let answers = try await fetch(positions, on: connection)
        took(answers.reduce(0) { $0 + $1.records.readableBytes }, since: begin, most: fetch.maximumBytes)
        return answers
    }

    /// A lane reads on a connection on which the way to the broker and back is so long.
    func began(_ index: Int, roundTrip: Duration) { state.withLock { $0.roundTrips[index] = roundTrip } }

    /// So many bytes came on one of the lanes.
    /// - Parameters:
    ///   - begin: when they were asked for.
    ///   - most: how many were asked for at most.
    func took(_ bytes: Int, since begin: ContinuousClock.Instant, most: Int32, at now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            guard state.isFar else { return }
            state.window.took(
                bytes, after: now - begin, isFull: bytes > most / 2, roundTrip: state.roundTrip, at: now)
        }
    }
}

/// What there is to read at one broker, of which each lane takes a share.
struct LaneShare {
    /// Those that were read to their end.
    var idle: [TopicPartition] = []
    /// The others, with a number that says which have waited longest: those of the smallest.
    var behind: [(waiting: Int, partition: TopicPartition)] = []

    /// Calls `ask` for all that is idle and for one lane's share of what lies behind, with the number of places in which
    /// the partition may be read at once. It answers whether there was one.
    func ask(lanes: Int, _ ask: (_ partition: TopicPartition, _ places: Int) -> Bool) {
        // The first of a request are served best, and what is idle has little.
        for partition in idle.sorted() { _ = ask(partition, 1) }
        var share = (behind.count + lanes - 1) / lanes
        for (_, partition) in behind.sorted(by: { ($0.waiting, $0.partition) < ($1.waiting, $1.partition) }) {
            if share == 0 { return }
            if ask(partition, max(1, lanes / behind.count)) { share -= 1 }
        }
    }
}
