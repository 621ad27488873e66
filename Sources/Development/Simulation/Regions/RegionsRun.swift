import BrokerKernel
import ClusterModel
import Controller
import Mirroring
import Seams

/// Two regions with a mirror each way, whose brokers, mirrors, links and operators' tools fail, while homes of topics move:
/// away, planned or because the region is lost, and back again.
///
/// The oracles know nothing of mirrors: what is committed at an offset is the same in both regions (``RegionsOracle``);
/// after a planned move nothing acknowledged is missing, and after the loss of a home exactly what lay behind the cut,
/// which is in quarantine then; no record is there twice; in a home epoch one region is the home; what was acknowledged
/// while a synchronous topic was in step is never lost; no group goes on behind what it has read; what the target of a
/// link lacks is in the gap ledger; and when all is mended both regions hold the same.
package final class RegionsRun {
    /// A link, and the mirror process that looks after it, if one lives.
    struct Link {
        var source: Region
        var target: Region
        var policy: GapPolicy
        var mirror: SimulatedMirror?
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
    /// Whether the west is gone, so that nobody can look after it.
    var isWestLost = false
    /// From where on partitions were lost with their home.
    private(set) var lostBehind: [TopicPartition: Offset] = [:]
    /// Of the homes that took the places of lost ones, by topic.
    private(set) var lostHomeEpochs: [String: Int32] = [:]
    private var processes: [SimulatedProcess] = []
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

    /// Lives through two moves of all homes.
    package init(seed: UInt64, traces: Bool = false) throws {
        random = SeededRandom(seed: seed)
        chronicle = Chronicle(traces: traces)
        west = try Self.region("west", seed: seed &* 2 &+ 1, chronicle)
        east = try Self.region("east", seed: seed &* 2 &+ 2, chronicle)
        oracle = RegionsOracle([west, east], Self.partitions, chronicle)
        chronicle.settle = { [queue] in queue.runAll() }
        oracle.homeWasLost = { [unowned self] topic, cuts in loseHome(of: topic, cuts) }
        west.world.reported = { [unowned self] text in
            if text.contains("does not keep up") { lastDegraded = chronicle.now }
        }
        try start()
        live(for: 4...8)
        awaitMirrors()
        let isPlanned = Bool.random(using: &random)
        if isPlanned { carryOut(.promotion, from: west, to: east) } else { failOver() }
        live(for: 1...4)
        regainWest()
        carryOut(.failback, from: east, to: west)
        live(for: 1...3)
        carryOut(.promotion, from: east, to: west)
        live(for: 0...2)
        carryOut(.failback, from: west, to: east)
        live(for: 0...2)
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
            producer.isInBoth = { [unowned self] in
                partition.topic == Self.synchronousTopic && isInBoth(partition)
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

    // MARK: - Moves of homes

    private enum Move {
        case promotion, failover, failback
    }

    private func live(for seconds: ClosedRange<Int>) {
        let end = chronicle.now + .seconds(Int.random(in: seconds, using: &random))
        while chronicle.now < end {
            chronicle.run(for: .milliseconds(Int.random(in: 30...1500, using: &random)))
            misfortune()
        }
    }

    /// What was never mirrored cannot be taken over.
    private func awaitMirrors() {
        let limit = chronicle.now + .seconds(60)
        while !Self.isMirrored(in: east) {
            chronicle.run(for: .milliseconds(100))
            if chronicle.now > limit { return chronicle.violate("the east does not become a mirror") }
        }
    }

    /// The west is dead, or goes on by itself, or is only given up.
    private func failOver() {
        oracle.abandoned = Set(Self.movingTopics)
        let fate = Int.random(in: 0..<3, using: &random)
        chronicle.note("the west is \(["dead", "cut off", "given up"][fate])")
        isWestLost = fate < 2
        if fate == 0 { for broker in west.world.brokers { west.world.kill(broker) } }
        if isWestLost {
            for link in links { if let mirror = link.mirror { cutWest(from: mirror.process.client) } }
        }
        carryOut(.failover, from: west, to: east)
        for producer in producers where !producer.isBound && Bool.random(using: &random) { producer.go(to: east) }
    }

    func cutWest(from client: Int) {
        west.cutRequests(of: client)
        west.cutReplies(to: client)
    }

    private func regainWest() {
        oracle.abandoned = []
        guard isWestLost else { return }
        chronicle.note("the west is back")
        isWestLost = false
        for broker in west.world.brokers { west.world.restart(broker, in: 1...2000) }
        for link in links { if let mirror = link.mirror { west.mend(mirror.process.client) } }
        // Until then the old home may be written; the mirror tells it when it can.
        chronicle.run(for: .milliseconds(Int.random(in: 10...3000, using: &random)))
    }

    /// An operator's tool moves homes; it is killed now and then, and run again.
    private func carryOut(_ move: Move, from source: Region, to target: Region) {
        chronicle.note("\(move) from \(source.name) to \(target.name)")
        var isDone = false
        func begin() -> SimulatedProcess {
            let tool = process(client: 2000 + processes.count)
            if isWestLost { cutWest(from: tool.client) }
            let work = SimulatedOperator(
                from: source, to: target, topics: Self.movingTopics, groups: Self.groups, as: tool)
            tool.begin {
                let hasDone = await tool.untilDone("\(move)") {
                    switch move {
                    case .promotion: try await work.promote()
                    case .failover: try await work.failOver()
                    case .failback: try await work.failBack()
                    }
                    if move == .failback, !Self.isMirrored(in: target) {
                        throw SimulatedProcess.Fault.notYet("\(target.name) is no mirror of all yet")
                    }
                }
                if hasDone { isDone = true }
            }
            return tool
        }
        var tool = begin()
        let calm = chronicle.now + .seconds(Int.random(in: 0...6, using: &random))
        let limit = calm + .seconds(60)
        while !isDone {
            chronicle.run(for: .milliseconds(Int.random(in: 20...700, using: &random)))
            if chronicle.now < calm {
                for _ in 0..<Int.random(in: 1...3, using: &random) { misfortune() }
                if Int.random(in: 0..<5, using: &random) == 0 {
                    chronicle.note("the tool is killed")
                    end(tool)
                    tool = begin()
                }
            } else if chronicle.now > limit {
                return chronicle.violate("\(move) from \(source.name) to \(target.name) does not come to an end")
            }
        }
        end(tool)
    }

    /// What a process has sent before it was killed may still arrive.
    func end(_ process: SimulatedProcess) {
        process.kill()
        for region in regions {
            region.world.after(region.world.milliseconds(0...2500)) { region.disconnect(process.client) }
        }
    }

    private static func isMirrored(in region: Region) -> Bool {
        movingTopics.allSatisfy { topic in
            region.world.tree.image.topics[topic].map { MirrorStanding($0.configs).state == .mirroring } ?? false
        }
    }

    private func loseHome(of topic: String, _ cuts: [Int32: Offset]) {
        lostHomeEpochs[topic] = oracle.homes[topic]?.homeEpoch
        for (index, cut) in cuts { lostBehind[TopicPartition(topic: topic, partition: index)] = cut }
        for producer in producers where producer.partition.topic == topic { producer.lostCount += 1 }
        for committer in committers where committer.partition.topic == topic {
            if let cut = cuts[committer.partition.partition] { committer.lose(behind: cut) }
        }
    }

    // MARK: - Synchronous topics

    /// Whether writers have waited for the other region lately.
    private func isInBoth(_ partition: TopicPartition) -> Bool {
        let isDegraded = west.world.brokers.contains {
            $0.kernel?.partitions[partition]?.synchronousLink?.isDegraded ?? false
        }
        if isDegraded { lastDegraded = chronicle.now }
        return oracle.homes[partition.topic]?.region == west.name
            && chronicle.now - lastDegraded > .milliseconds(500)
    }
}
