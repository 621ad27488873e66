import BrokerKernel
import ClusterModel
import Controller
import Seams

/// Processes, machines and disks: how they fail, and what an operator does then.
extension ClusterWorld {
    // MARK: - Processes

    /// Starts a broker's process. One whose logs may lack something sees first that nobody counts on it.
    func start(_ broker: ClusterBroker) {
        guard !broker.isRunning else { return }
        var settings = settings
        settings.brokerID = broker.id
        do {
            try broker.start(settings, seed: random.next(), at: now)
        } catch {
            guard broker.hasDiskTrouble else { return violate("broker \(broker.id) does not start: \(error)") }
            note("broker \(broker.id) does not start: \(error)")
            return after(.seconds(1)) { [self] in start(broker) }
        }
        if isMended { broker.hasDiskTrouble = false }
        broker.nextTick = .never
        endSession(of: broker)
        let steps = LostTail.transactions(of: broker.id, in: tree.image) { !broker.wholeLogs.contains($0) }
        for step in steps where !tree.perform(step.transaction) { violate("a state changed while nobody else wrote") }
        broker.hasLostTail = false
        note("broker \(broker.id) starts")
        broker.isReachingTree = true
        register(broker)
        do { try broker.markBoot() } catch { note("broker \(broker.id) cannot mark its boot: \(error)") }
    }

    /// The process dies; what it wrote stays on the disks.
    func kill(_ broker: ClusterBroker) {
        guard broker.isRunning else { return }
        note("broker \(broker.id) is killed")
        broker.end()
        closeAll(of: broker)
        loseTree(broker)
    }

    /// The machine loses power: what was not made durable may be lost.
    func cutPower(_ broker: ClusterBroker) {
        note("broker \(broker.id) loses power")
        kill(broker)
        broker.losePower()
    }

    func restart(_ broker: ClusterBroker, in milliseconds: ClosedRange<Int>) {
        after(self.milliseconds(milliseconds)) { [self] in start(broker) }
    }

    func pause(_ broker: ClusterBroker, for duration: Duration) {
        guard broker.isRunning, broker.pausedUntil == nil else { return }
        note("broker \(broker.id) pauses for \(duration)")
        broker.pausedUntil = now + duration
        loseTree(broker)
        after(duration, in: broker) { [self] in resume(broker) }
    }

    private func resume(_ broker: ClusterBroker) {
        note("broker \(broker.id) goes on")
        broker.pausedUntil = nil
        let events = broker.waitingEvents
        broker.waitingEvents = []
        for event in events { step(broker, event) }
        scheduleTick(broker)
        reachTree(broker)
    }

    /// The process stops as it should: once the controller has taken away what can be led elsewhere, or after a while.
    func shutDown(_ broker: ClusterBroker) {
        guard broker.isRunning, !broker.isLeaving, broker.pausedUntil == nil else { return }
        note("broker \(broker.id) is told to stop")
        broker.isLeaving = true
        renewRegistration(of: broker)
        let limit = now + .seconds(5)
        waitForRelief(of: broker, until: limit)
    }

    private func waitForRelief(of broker: ClusterBroker, until limit: Instant) {
        after(milliseconds(20...200), in: broker) { [self] in
            let image = broker.kernel?.image
            let isRelieved = image?.brokers[broker.id]?.isShuttingDown == true && image?.isRelieved(broker.id) == true
            guard broker.pausedUntil == nil, isRelieved || now >= limit else {
                return waitForRelief(of: broker, until: limit)
            }
            note("broker \(broker.id) stops")
            var effects: [BrokerKernel.Effect] = []
            broker.kernel?.shutDown(at: now, into: &effects)
            broker.end()
            closeAll(of: broker)
            endSession(of: broker)
            restart(broker, in: 100...4000)
        }
    }

    /// A broker that ends by itself may do so only for its disks.
    func stop(_ broker: ClusterBroker, because reason: String) {
        if !broker.hasDiskTrouble { violate("broker \(broker.id) stopped by itself: \(reason)") }
        note("broker \(broker.id) stops by itself: \(reason)")
        kill(broker)
        restart(broker, in: 500...6000)
    }

    // MARK: - Disks

    /// For a while there is little room left on a disk.
    func fill(_ disk: SimulatedDisk, of broker: ClusterBroker, room: Int, for duration: Duration) {
        note("a disk of broker \(broker.id) is nearly full")
        broker.hasDiskTrouble = true
        disk.limitCapacity(to: disk.sizeInBytes + room)
        after(duration) { disk.limitCapacity(to: .max) }
    }

    /// Some operation on a disk fails once.
    func fail(_ fault: SimulatedDisk.Fault, on disk: SimulatedDisk, of broker: ClusterBroker) {
        note("a \(fault.operation) on a disk of broker \(broker.id) will fail")
        broker.hasDiskTrouble = true
        disk.inject(fault)
    }

    /// A disk breaks for good, with all that is on it.
    func breakDisk(_ place: Int, of broker: ClusterBroker) {
        note("\(broker.disks[place].directory) of broker \(broker.id) is lost")
        broker.hasDiskTrouble = true
        broker.disks[place].isLost = true
        broker.disks[place].disk.stop(afterChanges: 0)
    }

    /// The broker says what it cannot serve; the operator looks after it and starts it again.
    func takeOffline(_ partitions: [TopicPartition], by broker: ClusterBroker) {
        note("broker \(broker.id) cannot serve \(partitions)")
        if !broker.hasDiskTrouble { violate("broker \(broker.id) cannot serve \(partitions)") }
        broker.offline = partitions
        renewRegistration(of: broker)
        guard !partitions.isEmpty else { return }
        after(milliseconds(1000...7000), in: broker) { [self] in
            guard !broker.offline.isEmpty else { return }
            kill(broker)
            restart(broker, in: 100...2000)
        }
    }

    // MARK: - The end

    /// Everything works again that does not need another process.
    /// - Parameter calm: when nothing else happens any more; some of what was sent over cut ways comes only then.
    func mendAll(calmIn calm: Duration) {
        isMended = true
        for broker in brokers {
            for other in brokers {
                let late = Bool.random(using: &random) ? calm + milliseconds(0...1000) : nil
                mend(.broker(broker.id), .broker(other.id), sendingAnewIn: late)
            }
            for disk in broker.disks where !disk.isLost { disk.disk.heal() }
            if broker.disks.contains(where: \.isLost) { kill(broker) }
            if !broker.isRunning { start(broker) } else { reachTree(broker) }
        }
    }
}
