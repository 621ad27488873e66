import ClusterModel
import Synchronization

/// How many fetches from one broker of the source are under way, each on a connection of its own, and how long they are.
///
/// A connection carries no more in a round trip than the kernel's buffers hold, some 3 MB where nobody has enlarged
/// them, and rests for a round trip between one answer and the next question. So a long and wide link needs more of
/// them, and long fetches. Near brokers do without: short ones stay in the processor's caches.
final class Lanes: Sendable {
    /// With a broker that is near.
    static let few = 4
    /// With one that is far away.
    static let most = 12
    /// A broker whose quickest answer takes longer than this is far away.
    private static let longRoundTrip = Duration.milliseconds(10)
    /// How soon the others see that they are needed.
    private static let look = Duration.milliseconds(250)

    private let isFar = Atomic(false)

    /// How many are at work.
    var count: Int { isFar.load(ordering: .relaxed) ? Self.most : Self.few }

    /// What one fetch may bring at most.
    var bytesOfFetch: Int32 { isFar.load(ordering: .relaxed) ? 8 << 20 : 2 << 20 }

    /// How many bytes the target may have to answer while more is read. From far away they come in bursts, for what is
    /// behind a hole is held back until that is filled.
    var bytesUnderWay: Int { isFar.load(ordering: .relaxed) ? 128 << 20 : 32 << 20 }

    /// Waits until the lane of this index, from 0, is needed. Returns at once for the first few.
    func join(_ index: Int) async {
        while index >= count {
            guard await Attempts.pause(Self.look) else { return }
        }
    }

    /// The way to the broker and back is so long.
    func measured(roundTrip: Duration) {
        isFar.store(roundTrip > Self.longRoundTrip, ordering: .relaxed)
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
