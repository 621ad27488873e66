import BrokerKernel
import ClusterModel
import Controller
import NIOCore
import Seams
import WireCoding

/// Brokers with their disks, the tree that they share, and a network between them and their clients, on one clock.
///
/// Everything happens at a time of the clock and takes random time; the same seed does the same in every process.
/// Messages of a connection arrive in order or not at all.
final class ClusterWorld {
    /// The time, which other clusters may share, and what happened in it.
    let chronicle: Chronicle
    /// Before what happens in it; empty where there is one cluster.
    let name: String
    var random: SeededRandom
    var tree: SimulatedTree
    let brokers: [ClusterBroker]
    /// What a client does with its replies; nil stands for a request that failed.
    var receive: (Int, UInt64, ByteBuffer?) -> Void = { _, _, _ in }
    /// Topics that may lose what was acknowledged.
    var lossyTopics: Set<String> = []
    /// Topics whose home moves between regions: what a lost home has behind the cut is dropped, and a mirror that is made
    /// anew has the same id again.
    var movingTopics: Set<String> = []
    /// Told after each step of a broker.
    var stepped: (ClusterBroker) -> Void = { _ in }
    /// Told after each change of the tree.
    var treeWritten: () -> Void = {}
    /// Told what brokers say to people.
    var reported: (String) -> Void = { _ in }
    let settings: BrokerKernelSettings
    var network = ClusterNetwork()
    var controllers: [BrokerID: ClusterController] = [:]
    /// Whether process and disk failures are over, and nothing else may be amiss.
    var isMended = false
    /// The states of partitions that the trace has told.
    var statesTold: [String: String] = [:]
    private var nextProducerID: ProducerID = 0
    /// Who was seen to lead in an epoch.
    private var leaders: [String: BrokerID] = [:]

    init(
        seed: UInt64, name: String = "", clusterID: String = SimulatedBroker.clusterID, brokerCount: Int,
        chronicle: Chronicle,
        adjust: (inout BrokerKernelSettings) -> Void
    ) throws(FileSystemError) {
        random = SeededRandom(seed: seed)
        self.chronicle = chronicle
        self.name = name
        var settings = BrokerKernelSettings(brokerID: BrokerID(0), clusterID: clusterID)
        adjust(&settings)
        self.settings = settings
        tree = SimulatedTree(clusterID: clusterID)
        var brokers: [ClusterBroker] = []
        for id in 1...brokerCount {
            brokers.append(try ClusterBroker(BrokerID(Int32(id)), seed: seed &* 31 &+ UInt64(id)))
        }
        self.brokers = brokers
    }

    subscript(_ id: BrokerID) -> ClusterBroker { brokers[Int(id.value) - 1] }

    var now: Instant { chronicle.now }
    var traces: Bool { chronicle.traces }

    func note(_ text: @autoclosure () -> String) { chronicle.note(name + text()) }
    func violate(_ text: String) { chronicle.violate(name + text) }

    // MARK: - Time

    func at(_ time: Instant, _ action: @escaping () -> Void) { chronicle.at(time, action) }
    func after(_ delay: Duration, _ action: @escaping () -> Void) { chronicle.at(now + delay, action) }

    /// Does something in a while, if the broker's process still lives then.
    func after(_ delay: Duration, in broker: ClusterBroker, _ action: @escaping () -> Void) {
        let life = broker.life
        after(delay) { if broker.life == life { action() } }
    }

    func milliseconds(_ range: ClosedRange<Int>) -> Duration { .milliseconds(Int.random(in: range, using: &random)) }

    /// How long a message takes: most are quick, some are not.
    func delay() -> Duration {
        Int.random(in: 0..<20, using: &random) == 0
            ? milliseconds(5...80) : .microseconds(Int.random(in: 100...3000, using: &random))
    }

    // MARK: - Brokers

    func step(_ broker: ClusterBroker, _ event: BrokerKernel.Event) {
        guard broker.isRunning else { return }
        if let until = broker.pausedUntil, until > now {
            broker.waitingEvents.append(event)
            return
        }
        var effects: [BrokerKernel.Effect] = []
        broker.setTime(now)
        broker.kernel?.step(event, at: now, into: &effects)
        for effect in effects where broker.isRunning { perform(effect, by: broker) }
        stepped(broker)
        scheduleTick(broker)
    }

    func scheduleTick(_ broker: ClusterBroker) {
        guard broker.pausedUntil == nil, let due = broker.nextDeadline, due < broker.nextTick else { return }
        broker.nextTick = due
        let life = broker.life
        at(max(due, now)) { [self] in
            // An earlier one was scheduled since, and has scheduled what comes after it.
            guard broker.life == life, broker.nextTick == due else { return }
            broker.nextTick = .never
            if let due = broker.nextDeadline, due <= now { step(broker, .tick) } else { scheduleTick(broker) }
        }
    }

    private func perform(_ effect: BrokerKernel.Effect, by broker: ClusterBroker) {
        switch effect {
        case .reply(let ticket, let pieces): answer(ticket, pieces, by: broker)
        case .noReply: break
        case .close(let id, let reason):
            note("broker \(broker.id) closes a connection: \(reason)")
            close(id)
        case .changeTree(let ticket, let change): ask(broker, ticket, change)
        case .allocateProducerIDs:
            nextProducerID += 1000
            let block = nextProducerID - 1000..<nextProducerID
            toTree(broker) { world in world.step(broker, .producerIDsAllocated(block)) }
        case .send(let request): send(request, by: broker)
        case .disconnectPeer(let peer): if let id = broker.outgoing[peer] { close(id) }
        case .onDiskThread(let job): perform(job, by: broker)
        case .replicasOffline(let partitions): takeOffline(partitions, by: broker)
        case .report(let text):
            note("broker \(broker.id) reports: \(text)")
            reported(text)
            let mayBeCut = lossyTopics.union(movingTopics)
            if text.contains("below what was committed"), !mayBeCut.contains(where: { text.hasPrefix("\($0)-") }) {
                violate("broker \(broker.id): \(text)")
            }
        case .note(let text):
            note("broker \(broker.id): \(text)")
            reported(text)
        case .audit(_, let text): note("broker \(broker.id): \(text)")
        case .stop(let reason): stop(broker, because: reason)
        }
    }

    /// Another thread does the job in a while, and the kernel hears of each of its steps a while later.
    private func perform(_ job: DiskJob, by broker: ClusterBroker) {
        after(milliseconds(0...40), in: broker) { [self] in
            var news: [DiskNews] = []
            job.perform(pace: { _ in }, tell: { news.append($0) })
            var time = now
            for one in news {
                time = time + milliseconds(0...60)
                let life = broker.life
                at(time) { [self] in if broker.life == life { step(broker, .diskReported(one)) } }
            }
        }
    }

    /// Who is in sync has all that its leader knows to be committed. Of a mirror topic's log that has just begun behind 0,
    /// that is nothing; and a follower that has begun anew with a leader whose successor has not lacks only what the source
    /// has deleted.
    func noteInSync() {
        for (topic, image) in tree.image.topics.sorted(by: { $0.key < $1.key }) {
            for (index, state) in image.partitions.enumerated() {
                let name = TopicPartition(topic: topic, partition: Int32(index))
                guard let led = state.leader.flatMap({ self[$0].kernel?.partitions[name] }), led.isLeader,
                    led.leaderEpoch == state.leaderEpoch, led.topicID == image.id,
                    led.log.logStartOffset < led.log.highWatermark
                else { continue }
                for member in state.isr where !self[member].hasLostTail {
                    guard let own = self[member].kernel?.partitions[name], own.topicID == image.id,
                        own.leaderEpoch == led.leaderEpoch, own.log.logEndOffset < led.log.highWatermark,
                        led.standing.state == .ordinary || !own.log.isEmpty
                    else { continue }
                    violate(
                        "broker \(member) is in sync for \(name), which is committed to \(led.log.highWatermark), with "
                            + "\(own.log.logEndOffset)")
                }
            }
        }
    }

    /// In each epoch at most one broker leads.
    func noteLeaders(_ broker: ClusterBroker) {
        guard let kernel = broker.kernel else { return }
        for (name, partition) in kernel.partitions.sorted(by: { $0.key < $1.key }) {
            guard let epoch = partition.leadership?.term.epoch, !movingTopics.contains(name.topic) else { continue }
            let key = "\(name) (\(partition.topicID)) in epoch \(epoch)"
            if let other = leaders[key], other != broker.id {
                violate("brokers \(other) and \(broker.id) both lead \(key)")
            }
            leaders[key] = broker.id
        }
    }
}
