import ClusterModel
import Controller
import Seams

/// What happens to the cluster.
extension ClusterRun {
    func misfortune() {
        faultCount += 1
        let broker = world.brokers[Int.random(in: 0..<world.brokers.count, using: &random)]
        // Until the tree knows who has lost something, nobody else may lose a disk, or its replicas by a move.
        let isWhole = !world.brokers.contains(where: \.hasLostSomething)
        switch Int.random(in: 0..<20, using: &random) {
        case 0, 1:
            world.kill(broker)
            world.restart(broker, in: 100...8000)
        case 2, 3:
            guard world.mayLose(broker, onlyWhatIsUnsynced: true) else { return }
            world.cutPower(broker)
            world.restart(broker, in: 100...8000)
        case 4, 5: world.pause(broker, for: world.milliseconds(100...9000))
        case 6, 7, 8, 9: cutOff(broker)
        case 10, 11: loseTree(broker)
        case 12: world.shutDown(broker)
        case 13, 14: if isWhole { harmDisk(of: broker) }
        case 15: breakDisk(of: broker)
        case 16, 17: if isWhole { move() }
        case 18:
            world.note("leaderships are balanced")
            world.rebalance()
        default: replaceTopic()
        }
    }

    private func cutOff(_ broker: ClusterBroker) {
        let other = world.brokers[Int.random(in: 0..<world.brokers.count, using: &random)]
        guard broker !== other else { return }
        world.note("messages from broker \(broker.id) to \(other.id) are lost")
        world.cut(.broker(broker.id), .broker(other.id))
        world.after(world.milliseconds(100...7000)) { [world] in
            world.mend(.broker(broker.id), .broker(other.id))
        }
    }

    private func loseTree(_ broker: ClusterBroker) {
        world.note("broker \(broker.id) does not reach the tree")
        world.loseTree(broker)
        world.after(world.milliseconds(100...9000), in: broker) { [world] in world.reachTree(broker) }
    }

    // MARK: - Disks

    private func harmDisk(of broker: ClusterBroker) {
        let disk = broker.disks[Int.random(in: 0..<broker.disks.count, using: &random)].disk
        if Bool.random(using: &random) {
            let room = Int.random(in: 0...4000, using: &random)
            return world.fill(disk, of: broker, room: room, for: world.milliseconds(500...6000))
        }
        // A sync that failed is for disks that break: on one that goes on, what it lost would be missed years later.
        let operations: [SimulatedDisk.Operation] = [.write, .write, .open, .read, .rename, .truncate, .remove]
        let operation = operations[Int.random(in: 0..<operations.count, using: &random)]
        world.fail(
            SimulatedDisk.Fault(operation, after: Int.random(in: 0...30, using: &random)), on: disk, of: broker)
    }

    private func breakDisk(of broker: ClusterBroker) {
        guard broker.isRunning, world.mayLose(broker, onlyWhatIsUnsynced: false) else { return }
        let place = Int.random(in: 0..<broker.disks.count, using: &random)
        world.breakDisk(place, of: broker)
        for topic in topics where topic.kind.isCompacted {
            for partition in 0..<topic.partitionCount {
                topic.latecomers.insert(ClusterTopic.Replica(broker: broker.id, partition: partition))
            }
        }
        if Int.random(in: 0..<4, using: &random) == 0 {
            // The whole machine.
            for other in broker.disks.indices where other != place { world.breakDisk(other, of: broker) }
            world.kill(broker)
            world.restart(broker, in: 100...8000)
        }
    }

    // MARK: - What admins do

    /// Moves a partition elsewhere, or ends a move under way.
    private func move() {
        guard let topic = topics.randomElement(using: &random),
            let image = world.tree.image.topics[topic.name], !image.partitions.isEmpty
        else { return }
        let partition = Int32(Int.random(in: 0..<image.partitions.count, using: &random))
        let isBack = Int.random(in: 0..<4, using: &random) == 0
        let target = world.brokers.map(\.id).shuffled(using: &random).prefix(3)
        let targets: [Int32: [BrokerID]?] = [partition: isBack ? nil : Array(target)]
        guard world.make(.reassign(topic: topic.name, targets: targets)) else { return }
        world.note("\(topic.name)-\(partition) moves \(isBack ? "back" : "to \(Array(target))")")
        for broker in target where !image.partitions[Int(partition)].replicas.contains(broker) {
            topic.latecomers.insert(ClusterTopic.Replica(broker: broker, partition: partition))
        }
    }

    private func replaceTopic() {
        guard let topic = topics.first(where: { $0.kind == .passing }), world.make(.deleteTopic(name: topic.name))
        else {
            return
        }
        world.note("topic \(topic.name) is to be deleted")
        let buried = topic.histories.flatMap(\.acknowledged.values).compactMap(\.value)
        topic.buried.formUnion(buried)
        topic.beginAnew(.zero)
        makeAgain(topic)
    }

    private func makeAgain(_ topic: ClusterTopic) {
        world.after(world.milliseconds(100...3000)) { [unowned self] in
            let image = world.tree.image
            guard image.topics[topic.name] == nil, !image.topicsBeingDeleted.contains(topic.name) else {
                return makeAgain(topic)
            }
            world.note("topic \(topic.name) is made again")
            create(topic)
        }
    }
}
