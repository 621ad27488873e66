import ClusterModel
import MartletClient

/// What `reassign --throttle` sets before partitions move, and what is taken back when they have (KIP-73), as
/// `kafka-reassign-partitions.sh` does it: the rate on brokers that give or take replicas, and on topics which replicas
/// count. Replicas that are in sync are never slowed.
struct MoveThrottle {
    static let rateKeys = ["follower.replication.throttled.rate", "leader.replication.throttled.rate"]
    static let leaderKey = "leader.replication.throttled.replicas"
    static let followerKey = "follower.replication.throttled.replicas"

    /// A partition's brokers that have it, and those that are to get it.
    struct Path: Equatable {
        var sources: [BrokerID]
        var destinations: [BrokerID]
    }

    let paths: [TopicPartition: Path]

    /// - Parameters:
    ///   - targets: the moves that are asked for.
    ///   - underWay: those that go on already; they are throttled too.
    ///   - replicas: where the partitions live now.
    init(
        targets: [TopicPartition: [BrokerID]], underWay: [Administrator.Move], replicas: [TopicPartition: [BrokerID]]
    ) {
        var paths: [TopicPartition: Path] = [:]
        for move in underWay {
            let sources = move.replicas.filter { !move.adding.contains($0) }
            paths[move.partition] = Path(sources: sources, destinations: move.adding)
        }
        for (partition, target) in targets {
            let sources = paths[partition]?.sources ?? replicas[partition] ?? []
            paths[partition] = Path(sources: sources, destinations: target.filter { !sources.contains($0) })
        }
        self.paths = paths
    }

    /// Whose rate is limited, sorted.
    var brokers: [BrokerID] { Set(paths.values.flatMap { $0.sources + $0.destinations }).sorted() }

    /// By topic, the settings that name the replicas that count.
    var topics: [String: [String: String]] {
        var topics: [String: [String: [String]]] = [:]
        for (partition, path) in paths.sorted(by: { $0.key < $1.key }) {
            for (key, brokers) in [(Self.leaderKey, path.sources), (Self.followerKey, path.destinations)] {
                topics[partition.topic, default: [:]][key, default: []] += brokers.map {
                    "\(partition.partition):\($0)"
                }
            }
        }
        return topics.mapValues { settings in settings.mapValues { $0.joined(separator: ",") } }
    }

    /// - Parameter rate: bytes per second.
    func set(_ rate: Int64, by administrator: Administrator) async throws {
        for (topic, settings) in topics.sorted(by: { $0.key < $1.key }) {
            try await administrator.alterConfiguration(of: .topic(topic), settings.mapValues { $0 })
        }
        for broker in brokers {
            let rates = Self.rateKeys.map { ($0, Optional("\(rate)")) }
            try await administrator.alterConfiguration(
                of: .broker(broker), Dictionary(uniqueKeysWithValues: rates))
        }
        print("The inter-broker throttle limit was set to \(rate) B/s")
        print("Run --verify until all is done: that takes the throttle back.")
    }

    /// Takes back what is set on all brokers and on the topics.
    static func clear(_ topics: Set<String>, by administrator: Administrator) async throws {
        var cleared: [String] = []
        for broker in try await administrator.describeCluster().brokers.keys.sorted() {
            let wasSet = try await clear(rateKeys, of: .broker(broker), by: administrator)
            if wasSet { cleared.append("broker \(broker)") }
        }
        for topic in topics.sorted() {
            let wasSet = try await clear([followerKey, leaderKey], of: .topic(topic), by: administrator)
            if wasSet { cleared.append("topic \(topic)") }
        }
        if !cleared.isEmpty { print("The throttle is taken back from \(cleared.joined(separator: ", "))") }
    }

    /// Returns whether one of the keys was set.
    private static func clear(
        _ keys: [String], of resource: Administrator.Resource, by administrator: Administrator
    ) async throws -> Bool {
        let own = try await administrator.configuration(of: resource).filter { !$0.isDefault }.map(\.name)
        let set = keys.filter(own.contains)
        guard !set.isEmpty else { return false }
        var changes: [String: String?] = [:]
        for key in set { changes.updateValue(nil, forKey: key) }
        try await administrator.alterConfiguration(of: resource, changes)
        return true
    }
}
