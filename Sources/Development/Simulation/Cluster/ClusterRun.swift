import BrokerKernel
import ClusterModel
import NIOCore
import Seams

/// A cluster of brokers whose processes are killed and stopped, whose machines lose power, whose disks fill up and
/// break, and whose network and tree fail them, while partitions move, producers write, groups commit and consumers
/// read.
///
/// The oracles know nothing of replication: what was acknowledged is there at the end, once if its producer is
/// idempotent; of a compacted topic, what is the latest of its key; what was read once is read for ever; the end that a
/// leader tells never goes back, nor does a committed offset; in an epoch one broker leads; nothing of a producer is taken once
/// another one with its id and a later epoch was heard; and when all is mended
/// everybody writes again, and all replicas hold the same.
///
/// Faults pile up but for one: a machine loses a disk only while each of its partitions has another member in sync that
/// is well, and power also while it is alone in sync and has had the time to sync what was promised before; no machine is
/// still catching up after such a loss then; and until the loser is back, nobody else has trouble with disks, and no
/// replica moves. Nobody promises more.
package final class ClusterRun {
    /// What befalls the cluster.
    package enum Scenario: Sendable {
        /// Whatever may, and topics of several kinds.
        case everything
        /// Leaders are left alone in sync, and lose their power then. Producers are taken over by others, and go on.
        case lonelyLeaders
        /// Whatever may, while members of a group of the new protocol (KIP-848) share a topic's partitions.
        case membersAtWork
    }

    private static let brokerCount = 4
    private static let replicationFactor = 3
    /// How long the cluster has to get well when all is mended.
    private static let healingTime = Duration.seconds(25)

    let world: ClusterWorld
    var random: SeededRandom
    var topics: [ClusterTopic] = []
    var producers: [ClusterProducer] = []
    var readers: [ClusterReader] = []
    var committers: [ClusterCommitter] = []
    var members: [ClusterMember] = []
    /// What they read.
    var membersTopic: ClusterTopic { topics[0] }
    var fencedProducers: [FencedProducer] = []
    var lastTicket: UInt64 = 1 << 40
    var isQuiet = false
    /// Whether a broker is separated from all others on purpose.
    var isSomebodyAlone = false
    package internal(set) var acknowledgedCount = 0
    package internal(set) var faultCount = 0
    /// Of all that the partitions hold at the end.
    package internal(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    package var violations: [String] { world.chronicle.violations }
    package var traceLines: [String] { world.chronicle.trace }

    /// Lives through so many seconds of the cluster's time, and mends it then.
    package init(
        seed: UInt64, seconds: Int = 40, scenario: Scenario = .everything, traces: Bool = false
    ) throws {
        random = SeededRandom(seed: seed)
        world = try ClusterWorld(seed: seed &+ 1, brokerCount: Self.brokerCount, chronicle: Chronicle(traces: traces)) {
            settings in
            settings.replicaLagLimit = .seconds(2)
            settings.replicaFetchWait = .milliseconds(300)
            settings.replicaFetchBackoff = .milliseconds(100)
            settings.replicaFetchPartitionMaximumBytes = 700
            settings.highWatermarkCheckpointInterval = .seconds(2)
            settings.retentionCheckInterval = .seconds(5)
            settings.compaction.backoff = .seconds(1)
            settings.committedOffsetsPartitionCount = 1
            settings.groups.consumer.sessionTimeout = ClusterMember.session
            settings.configured = [
                "log.segment.bytes": "4000", "log.index.interval.bytes": "300", "log.roll.jitter.ms": "0",
            ]
        }
        world.receive = { [unowned self] client, ticket, reply in receive(client, ticket, reply) }
        start(scenario)
        let end = world.now + .seconds(seconds)
        while world.now < end {
            world.chronicle.run(for: world.milliseconds(50...2500))
            switch scenario {
            case .everything, .membersAtWork: misfortune()
            case .lonelyLeaders: leaveSomeLeaderAlone()
            }
            noteAbsences()
        }
        mend()
        checkEnd()
    }

    /// Where all kinds of topics are, every run has one that lasts, and two of the others.
    private func start(_ scenario: Scenario) {
        for broker in world.brokers { world.start(broker) }
        world.chronicle.run(for: .milliseconds(500))
        switch scenario {
        case .everything: break
        case .lonelyLeaders: return begin(with: [ClusterTopic("l", .lonely, partitions: 2)])
        case .membersAtWork:
            members = (0..<3).map { ClusterMember(client: 300 + $0) }
            return begin(with: [
                ClusterTopic("t", .lasting, partitions: 4),
                ClusterTopic("__consumer_offsets", .ofGroups, partitions: 1),
            ])
        }
        var others = [
            ClusterTopic("c", .compacted, partitions: 1), ClusterTopic("u", .lossy, partitions: 1),
            ClusterTopic("p", .passing, partitions: 1), ClusterTopic("__consumer_offsets", .ofGroups, partitions: 1),
        ]
        others.shuffle(using: &random)
        begin(with: [ClusterTopic("t", .lasting, partitions: 2)] + others.prefix(2))
    }

    private func begin(with made: [ClusterTopic]) {
        for topic in made { add(topic) }
        world.lossyTopics = Set(topics.filter { $0.kind == .lossy }.map(\.name))
        world.chronicle.run(for: .seconds(2))
        for place in producers.indices { produce(place) }
        for place in readers.indices { read(place) }
        for place in committers.indices { commit(place) }
        for place in members.indices { act(place) }
    }

    private func add(_ topic: ClusterTopic) {
        topics.append(topic)
        create(topic)
        for partition in 0..<topic.partitionCount {
            let clients = (producers.count..<producers.count + 2).map { $0 }
            switch topic.kind {
            case .lasting, .lonely:
                producers.append(
                    ClusterProducer(client: clients[0], topic: topic, partition: partition, isIdempotent: true))
                producers.append(
                    ClusterProducer(client: clients[1], topic: topic, partition: partition, isIdempotent: false))
            // A plain producer's batch that comes late would be the latest of its keys.
            case .compacted:
                producers += clients.map {
                    ClusterProducer(client: $0, topic: topic, partition: partition, isIdempotent: true)
                }
            case .lossy:
                producers += clients.map {
                    ClusterProducer(
                        client: $0, topic: topic, partition: partition, isIdempotent: false,
                        acks: $0 == clients[0] ? 1 : -1)
                }
            case .passing:
                producers.append(
                    ClusterProducer(client: clients[0], topic: topic, partition: partition, isIdempotent: false))
            case .ofGroups:
                committers += (0..<2).map { ClusterCommitter(client: 200 + $0, group: "group-\($0)") }
            }
            if topic.kind != .ofGroups && topic.kind != .lossy {
                let client = 100 + readers.count
                readers.append(ClusterReader(client: client, topic: topic, partition: partition, at: world.now))
            }
        }
    }

    /// Makes a topic, with its replicas anywhere.
    func create(_ topic: ClusterTopic) {
        let assignment = (0..<topic.partitionCount).map { _ in
            Array(world.brokers.map(\.id).shuffled(using: &random).prefix(Self.replicationFactor))
        }
        topic.beginAnew(.random(using: &random))
        let isMade = world.make(
            .createTopic(name: topic.name, id: topic.id, assignment: assignment, configs: topic.kind.configs))
        if !isMade { world.violate("topic \(topic.name) cannot be made") }
    }

    private func mend() {
        world.note("all is mended")
        world.mendAll(calmIn: Self.healingTime)
        let end = world.now + Self.healingTime
        while world.now < end {
            world.chronicle.run(for: .milliseconds(500))
            noteAbsences()
        }
        for producer in producers where producer.lastSuccess < world.now + .seconds(-10) {
            world.violate("client \(producer.client) has not been able to write to \(producer.topic.name) again")
        }
        isQuiet = true
        world.chronicle.run(for: .seconds(8))
    }

    private func noteAbsences() {
        for topic in topics where topic.kind.isCompacted {
            if let image = world.tree.image.topics[topic.name] { topic.noteAbsences(in: image, at: world.now) }
        }
    }
}
