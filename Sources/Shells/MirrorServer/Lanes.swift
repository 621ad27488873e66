import ClusterModel
import Synchronization

/// How many fetches from one broker of the source are under way, each on a connection of its own.
///
/// A connection carries no more in a round trip than the kernel's buffers hold, some 3 MB where nobody has enlarged
/// them, and rests for a round trip between one answer and the next question. So a long and wide link needs more of
/// them, which near brokers do without: a few begin, and the others join while whole fetches take long.
final class Lanes: Sendable {
    /// With every broker.
    static let few = 4
    /// With one that is far away.
    static let most = 8
    /// A fetch that is full and takes longer than this has come a long way.
    private static let longFetch = Duration.milliseconds(150)
    /// How soon the others see that they are needed.
    private static let look = Duration.milliseconds(250)

    private let areAllNeeded = Atomic(false)

    /// How many are at work.
    var count: Int { areAllNeeded.load(ordering: .relaxed) ? Self.most : Self.few }

    /// What all of them together may bring in one round, shared among them.
    func bytesOfFetch(of all: Int32) -> Int32 { all / Int32(count) }

    /// Waits until the lane of this index, from 0, is needed. Returns at once for the first few.
    func join(_ index: Int) async {
        while index >= count {
            guard await Attempts.pause(Self.look) else { return }
        }
    }

    /// A fetch that brought as much as it could took this long.
    func filled(in duration: Duration) {
        areAllNeeded.store(duration > Self.longFetch, ordering: .relaxed)
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
