import ClusterModel
import Seams

/// What happens to the regions.
extension RegionsRun {
    func misfortune() {
        faultCount += 1
        let region = regions[Int.random(in: 0..<2, using: &random)]
        if region === lostRegion { return }
        switch Int.random(in: 0..<20, using: &random) {
        case 0...7: harm(region.world)
        case 8...10: killMirror()
        case 11...13: cutLink()
        case 14, 15: deleteRecords()
        case 16: replaceTopic()
        case 17, 18: overtakeMirror()
        default: region.world.rebalance()
        }
    }

    private func harm(_ world: ClusterWorld) {
        let broker = world.brokers[Int.random(in: 0..<world.brokers.count, using: &random)]
        switch Int.random(in: 0..<14, using: &random) {
        case 0, 1:
            world.kill(broker)
            world.restart(broker, in: restartTime)
        case 2, 3:
            guard world.mayLose(broker, onlyWhatIsUnsynced: true) else { return }
            world.cutPower(broker)
            world.restart(broker, in: 100...4000)
        case 4, 5: world.pause(broker, for: world.milliseconds(100...5000))
        case 6, 7, 8: separate(broker, world)
        case 9, 10:
            world.note("broker \(broker.id) does not reach the tree")
            world.loseTree(broker)
            world.after(world.milliseconds(100...7500), in: broker) { world.reachTree(broker) }
        case 11, 12: isolate(broker, world, for: world.milliseconds(200...3000))
        default: world.shutDown(broker)
        }
    }

    /// Whoever looks after a process starts it again at once, or takes a while.
    private var restartTime: ClosedRange<Int> { Bool.random(using: &random) ? 1...300 : 100...4000 }

    /// For a while clients reach a broker that reaches nobody: what it takes then is not committed. Then it is dead, and
    /// what it took is lost.
    func isolate(_ broker: ClusterBroker, _ world: ClusterWorld, for duration: Duration) {
        guard broker.isRunning, broker.pausedUntil == nil else { return }
        world.note("broker \(broker.id) reaches nobody, and nobody but clients reaches it")
        world.loseTree(broker)
        let others = world.brokers.filter { $0 !== broker }
        for other in others {
            world.cut(.broker(broker.id), .broker(other.id))
            world.cut(.broker(other.id), .broker(broker.id))
        }
        let time = restartTime
        world.after(duration, in: broker) { [world] in
            guard !world.isMended else { return }
            // A process that is back before its session has expired leads on with all that it took.
            if world.mayLose(broker, onlyWhatIsUnsynced: true) { world.cutPower(broker) } else { world.kill(broker) }
            world.restart(broker, in: time)
        }
        world.after(duration) {
            for other in others {
                world.mend(.broker(broker.id), .broker(other.id))
                world.mend(.broker(other.id), .broker(broker.id))
            }
        }
    }

    private func separate(_ broker: ClusterBroker, _ world: ClusterWorld) {
        let other = world.brokers[Int.random(in: 0..<world.brokers.count, using: &random)]
        guard broker !== other else { return }
        world.note("messages from broker \(broker.id) to \(other.id) are lost")
        world.cut(.broker(broker.id), .broker(other.id))
        world.after(world.milliseconds(100...5000)) { world.mend(.broker(broker.id), .broker(other.id)) }
    }

    // MARK: - Links

    private func killMirror() {
        let place = Int.random(in: 0..<links.count, using: &random)
        guard let mirror = links[place].mirror else { return }
        chronicle.note("\(mirror.link): the mirror is killed")
        end(mirror.process)
        links[place].mirror = nil
        west.world.after(west.world.milliseconds(50...3000)) { [unowned self] in
            guard links[place].mirror == nil else { return }
            do {
                try startMirror(place)
                if let mirror = links[place].mirror { cutLostRegion(from: mirror.process.client) }
            } catch {
                chronicle.violate("a mirror does not start: \(error)")
            }
        }
    }

    /// One way or both, at one end or the other.
    private func cutLink() {
        guard let mirror = links[Int.random(in: 0..<links.count, using: &random)].mirror else { return }
        let region = Bool.random(using: &random) ? mirror.source : mirror.target
        guard region !== lostRegion else { return }
        cut(mirror, at: region, for: region.world.milliseconds(100...5000))
    }

    private func cut(_ mirror: SimulatedMirror, at region: Region, for duration: Duration) {
        let client = mirror.process.client
        chronicle.note("\(mirror.link): the link is cut at \(region.name)")
        let ways = Int.random(in: 1...3, using: &random)
        if ways & 1 != 0 { region.cutRequests(of: client) }
        if ways & 2 != 0 { region.cutReplies(to: client) }
        region.world.after(duration) { [unowned self] in
            if region !== lostRegion { region.mend(client) }
        }
    }

    // MARK: - The topic that passes

    /// Deletes what is written while the link is cut, as retention does that is quicker than the mirror.
    private func overtakeMirror() {
        guard lostRegion !== west, let mirror = links[0].mirror else { return }
        let world = west.world
        cut(mirror, at: west, for: world.milliseconds(3000...6000))
        world.after(world.milliseconds(1000...3000)) { [unowned self] in
            if lostRegion !== west, !world.isMended { deleteRecords(keeping: 2) }
        }
    }

    /// Deletes from the log's beginning on.
    /// - Parameter most: how many of the last offsets may stay.
    private func deleteRecords(keeping most: Offset = 10) {
        let partition = TopicPartition(topic: Self.passingTopic, partition: 0)
        let end = oracle.lines.filter { $0.key.topicID == west.world.tree.image.topics[Self.passingTopic]?.id }
            .first?.value.end
        guard let end, end > 0 else { return }
        let offset = end - Offset.random(in: 0...min(end, most), using: &random)
        let process = process(client: 3000)
        process.begin { [west, oracle] in
            let isDone = await process.attempt("deleting") {
                try await process.deleteRecords(of: partition, before: offset, in: west)
            }
            if isDone { oracle.lookAtDeletion(in: partition, of: west) }
            process.kill()
        }
        chronicle.note("\(partition) is deleted before \(offset)")
    }

    private func replaceTopic() {
        guard west.world.make(.deleteTopic(name: Self.passingTopic)) else { return }
        chronicle.note("topic \(Self.passingTopic) is to be deleted")
        makeAgain()
    }

    private func makeAgain() {
        west.world.after(west.world.milliseconds(100...2000)) { [unowned self] in
            let image = west.world.tree.image
            guard image.topics[Self.passingTopic] == nil, !image.topicsBeingDeleted.contains(Self.passingTopic) else {
                return makeAgain()
            }
            create(Self.passingTopic, 1, in: west)
        }
    }
}
