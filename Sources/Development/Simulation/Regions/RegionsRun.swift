import BrokerKernel
import ClusterModel
import Controller
import Mirroring
import Seams

/// Two regions with a mirror each way, whose brokers, mirrors, links and operators' tools fail, while homes of topics move:
/// away, planned or because the region is lost, and back again, planned or because the other region is lost as well.
///
/// The oracles know nothing of mirrors: what is committed at an offset is the same in both regions (``RegionsOracle``);
/// after a planned move nothing acknowledged is missing, and after the loss of a home exactly what its region alone held,
/// which is in quarantine there once it is a mirror; no record is there twice; in a home epoch one region is the home; what
/// was acknowledged while a synchronous topic was in step is never lost; no group goes on behind what it has read; what the
/// target of a link lacks is in the gap ledger; and when all is mended both regions hold the same.
package final class RegionsRun {
    /// A link, and the mirror process that looks after it, if one lives.
    struct Link {
        var source: Region
        var target: Region
        var policy: GapPolicy
        var mirror: SimulatedMirror?
    }

    /// Of one partition, with its home.
    struct Loss {
        /// Where the home was.
        var region: String
        /// Behind what the region's log was its own.
        var from: Offset
        /// Of the home that has taken its place.
        var homeEpoch: Int32
    }

    static let brokerCount = 3
    /// Moves home, with groups that read it.
    static let movingTopic = "a"
    /// Moves home; its writers in the west wait for the link.
    static let synchronousTopic = "s"
    /// Stays in the west, and is deleted before the mirror has it, in parts or as a whole.
    static let passingTopic = "p"
    static let groups = ["group-0", "group-1"]
    static let movingTopics = [movingTopic, synchronousTopic]
    static let partitions =
        movingPartitions + [
            TopicPartition(topic: synchronousTopic, partition: 0), TopicPartition(topic: passingTopic, partition: 0),
        ]
    static let movingPartitions = (0..<2).map { TopicPartition(topic: movingTopic, partition: $0) }

    let chronicle: Chronicle
    let queue = TaskQueue()
    var random: SeededRandom
    let west: Region
    let east: Region
    let oracle: RegionsOracle
    var links: [Link] = []
    var producers: [RegionsProducer] = []
    var committers: [RegionsCommitter] = []
    var transactors: [RegionsTransactor] = []
    /// That which is gone, so that nobody can look after it.
    var lostRegion: Region?
    /// What was lost with homes, but where these became the home again with all that they hold.
    var losses: [TopicPartition: [Loss]] = [:]
    var processes: [SimulatedProcess] = []
    private var lastDegraded = Instant(nanoseconds: 0, unixMilliseconds: 0)
    package internal(set) var faultCount = 0
    /// Of all that the home holds at the end.
    package internal(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    package var violations: [String] { chronicle.violations }
    package var traceLines: [String] { chronicle.trace }
    package var occurrences: [String: Int] { chronicle.occurrences }
    package var simulatedTime: Duration { chronicle.now - chronicle.start }
    package var acknowledgedCount: Int { producers.reduce(0) { $0 + $1.acknowledged.count } }

    var regions: [Region] { [west, east] }

    /// Lives through two moves of all homes, on the way of which the second region may be lost as well.
    package init(seed: UInt64, traces: Bool = false) throws {
        random = SeededRandom(seed: seed)
        chronicle = Chronicle(traces: traces)
        west = try Self.region("west", seed: seed &* 2 &+ 1, chronicle)
        east = try Self.region("east", seed: seed &* 2 &+ 2, chronicle)
        oracle = RegionsOracle([west, east], Self.partitions, chronicle)
        chronicle.settle = { [queue] in queue.runAll() }
        oracle.homeWasLost = { [unowned self] in lose($0) }
        west.world.reported = { [unowned self] text in
            if text.contains("does not keep up") { lastDegraded = chronicle.now }
        }
        try start()
        live(for: 4...8)
        awaitMirrors()
        moveAwayAndBack(secondLoss: SecondLoss(seed: seed))
        try fallSilent()
        try mend()
        try checkEnd()
        for process in processes { process.kill() }
        queue.runAll()
        // Otherwise seed after seed stays in memory.
        for region in regions { region.world.endNetwork() }
        chronicle.end()
    }

    private static func region(_ name: String, seed: UInt64, _ chronicle: Chronicle) throws -> Region {
        let world = try ClusterWorld(
            seed: seed, name: "\(name) ", clusterID: "simulated-cluster-\(name)", brokerCount: brokerCount,
            chronicle: chronicle
        ) { settings in
            settings.replicaLagLimit = .seconds(2)
            settings.replicaFetchWait = .milliseconds(300)
            settings.replicaFetchBackoff = .milliseconds(100)
            settings.replicaFetchPartitionMaximumBytes = 700
            settings.highWatermarkCheckpointInterval = .seconds(2)
            settings.committedOffsetsPartitionCount = 1
            settings.configured = [
                "log.segment.bytes": "4000", "log.index.interval.bytes": "300", "log.roll.jitter.ms": "0",
                "min.insync.replicas": "2",
            ]
        }
        return Region(world, named: name)
    }

    // MARK: - Beginning

    private func start() throws {
        for region in regions {
            region.world.movingTopics = Set(Self.movingTopics + [Self.passingTopic])
            for broker in region.world.brokers { region.world.start(broker) }
        }
        chronicle.run(for: .milliseconds(500))
        for (source, target) in [(west, east), (east, west)] {
            let ledger = GapEntry.topic(source: source.name, target: target.name)
            create(ledger, 1, in: target)
            create(SimulatedProcess.offsetsPartition.topic, 1, in: target)
            links.append(Link(source: source, target: target, policy: random.next() % 2 == 0 ? .continue : .rewind))
        }
        create(Self.movingTopic, 2, in: west)
        create(Self.passingTopic, 1, in: west)
        create(
            Self.synchronousTopic, 1, in: west,
            [Synchrony.linkKey: "west->east", Synchrony.limitKey: "2000"])
        chronicle.run(for: .seconds(2))
        for place in links.indices { try startMirror(place) }
        for partition in Self.movingPartitions + Self.partitions {
            let producer = RegionsProducer(
                partition, isBound: partition.topic == Self.passingTopic, regions: regions, oracle,
                as: process(client: producers.count))
            producer.isInBoth = { [unowned self] region in
                partition.topic == Self.synchronousTopic && isInBoth(partition, to: region)
            }
            producers.append(producer)
            producer.run()
        }
        for (place, topic) in Self.movingTopics.enumerated() {
            let transactor = RegionsTransactor(
                TopicPartition(topic: topic, partition: 0), regions: regions, oracle, as: process(client: 300 + place))
            transactors.append(transactor)
            transactor.run()
        }
        for (place, region) in regions.enumerated() {
            oracle.watch(Self.groups, in: region, as: process(client: 200 + place))
        }
        for (place, group) in Self.groups.enumerated() {
            let committer = RegionsCommitter(
                group, Self.movingPartitions[place], regions: regions, oracle, as: process(client: 100 + place))
            committers.append(committer)
            committer.run()
        }
    }

    func process(client: Int) -> SimulatedProcess {
        let process = SimulatedProcess(client: client, chronicle, queue, seed: random.next())
        processes.append(process)
        return process
    }

    func create(_ topic: String, _ partitions: Int, in region: Region, _ configs: [String: String] = [:]) {
        let assignment = (0..<partitions).map { _ in region.world.brokers.map(\.id).shuffled(using: &random) }
        let isMade = region.world.make(
            .createTopic(
                name: topic, id: .random(using: &random), assignment: assignment,
                configs: configs.merging(["min.insync.replicas": "2"]) { $1 }))
        if !isMade { chronicle.violate("topic \(topic) cannot be made") }
    }

    func startMirror(_ place: Int) throws {
        let link = links[place]
        let mirror = try SimulatedMirror(
            from: link.source, to: link.target, topics: Self.movingTopics + [Self.passingTopic], groups: Self.groups,
            policy: link.policy, as: process(client: 1000 + processes.count))
        chronicle.note("\(mirror.link): a mirror starts")
        links[place].mirror = mirror
        mirror.run()
    }

    // MARK: - Synchronous topics

    /// Whether writers in a region have waited for the other one lately.
    private func isInBoth(_ partition: TopicPartition, to region: String) -> Bool {
        let isDegraded = west.world.brokers.contains {
            $0.kernel?.partitions[partition]?.synchronousLink?.isDegraded ?? false
        }
        if isDegraded { lastDegraded = chronicle.now }
        return region == west.name && oracle.homes[partition.topic]?.region == west.name
            && chronicle.now - lastDegraded > .milliseconds(500)
    }
}
