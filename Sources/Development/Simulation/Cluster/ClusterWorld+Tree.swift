import BrokerKernel
import ClusterModel
import Controller
import Seams

/// What brokers have to do with the tree, as their shells do it: sessions, registrations, changes, the controller.
extension ClusterWorld {
    /// How long a broker may be out of the tree's reach before its session ends.
    private static let sessionTimeout = Duration.seconds(6)

    // MARK: - Sessions

    func register(_ broker: ClusterBroker) {
        broker.sessionEnd = nil
        _ = tree.perform(
            TreeTransaction([
                .create(path: TreePath.broker(broker.id), data: registration(of: broker), .ephemeral)
            ]))
        treeChanged()
    }

    /// Lets the registration say what the broker has to say of itself now.
    func renewRegistration(of broker: ClusterBroker) {
        toTree(broker) { world in
            guard world.tree.node(TreePath.broker(broker.id)) != nil else { return }
            _ = world.write(
                TreeTransaction([
                    .set(path: TreePath.broker(broker.id), data: world.registration(of: broker), version: -1)
                ]))
        }
    }

    private func registration(of broker: ClusterBroker) -> [UInt8] {
        var registration = BrokerRegistration(
            endpoints: [
                BrokerEndpoint(listenerName: "PLAINTEXT", securityProtocol: "PLAINTEXT", host: "sim", port: 9092)
            ], isShuttingDown: broker.isLeaving)
        registration.offlineReplicas = Set(broker.offline)
        return registration.text(at: now.unixMilliseconds)
    }

    func loseTree(_ broker: ClusterBroker) {
        guard broker.sessionEnd == nil else { return }
        broker.isReachingTree = false
        broker.sessionEnd = now + Self.sessionTimeout
        after(Self.sessionTimeout) { [self] in
            guard let end = broker.sessionEnd, end <= now else { return }
            note("the session of broker \(broker.id) expires")
            endSession(of: broker)
        }
    }

    func reachTree(_ broker: ClusterBroker) {
        guard broker.isRunning, broker.pausedUntil == nil else { return }
        broker.isReachingTree = true
        broker.sessionEnd = nil
        guard tree.node(TreePath.broker(broker.id)) == nil else {
            renewRegistration(of: broker)
            return treeChanged()
        }
        register(broker)
    }

    func endSession(of broker: ClusterBroker) {
        controllers[broker.id] = nil
        if tree.node(TreePath.broker(broker.id)) != nil {
            _ = tree.perform(TreeTransaction([.delete(path: TreePath.broker(broker.id), version: -1)]))
        }
        if tree.image.controllerID == broker.id {
            _ = tree.perform(TreeTransaction([.delete(path: TreePath.controller, version: -1)]))
        }
        treeChanged()
    }

    // MARK: - Changes

    /// Does something at the tree in a moment, if the broker's process lives and reaches it by then.
    func toTree(_ broker: ClusterBroker, _ action: @escaping (ClusterWorld) -> Void) {
        after(delay(), in: broker) { [self] in
            if broker.isReachingTree, broker.pausedUntil == nil { action(self) }
        }
    }

    private func write(_ transaction: TreeTransaction) -> Bool {
        defer { treeChanged() }
        return tree.perform(transaction)
    }

    func ask(_ broker: ClusterBroker, _ ticket: TreeTicket, _ change: TreeChange) {
        guard broker.isReachingTree else {
            return after(.seconds(1), in: broker) { [self] in step(broker, .treeChanged(ticket, .unavailable)) }
        }
        // A request that was sent arrives, also when its sender has died since.
        let isAnswered = Int.random(in: 0..<10, using: &random) > 0
        let life = broker.life
        after(delay()) { [self] in
            if broker.life != life, broker.hasLostTail { return }
            let isDone = make(change)
            let outcome: TreeOutcome =
                !isAnswered ? .unavailable : isDone ? .done : .refused(errorCode: 95, message: "the state moved on")
            let answer = delay()
            after(answer) { [self] in if broker.life == life { step(broker, .treeChanged(ticket, outcome)) } }
        }
    }

    /// Makes a change as an admin client or a broker asks for it. Returns whether it was done.
    func make(_ change: TreeChange) -> Bool {
        let configNode = change.configPath.flatMap { tree.node($0) }
        do throws(ChangeRefusal) {
            for transaction in try change.transactions(on: tree.image, configNode: configNode) {
                guard write(transaction) else { return false }
            }
            return true
        } catch {
            return false
        }
    }

    /// Lets the brokers read the tree soon, each in its own time.
    func treeChanged() {
        noteStates()
        noteInSync()
        treeWritten()
        for broker in brokers where broker.isRunning && broker.isReachingTree && !broker.isImageDue {
            broker.isImageDue = true
            let delay = Int.random(in: 0..<10, using: &random) == 0 ? milliseconds(50...900) : milliseconds(1...20)
            after(delay, in: broker) { [self] in
                broker.isImageDue = false
                if broker.isReachingTree { show(tree.image, to: broker) }
            }
        }
    }

    /// Says which states of partitions are new.
    private func noteStates() {
        guard traces else { return }
        for (name, topic) in tree.image.topics.sorted(by: { $0.key < $1.key }) {
            for (index, partition) in topic.partitions.enumerated() {
                let leader = partition.leader.map { "\($0) leads" } ?? "nobody leads"
                let state = "\(leader) in epoch \(partition.leaderEpoch), in sync \(partition.isr)"
                guard statesTold["\(name)-\(index)"] != state else { continue }
                statesTold["\(name)-\(index)"] = state
                note("tree: \(name)-\(index) of \(partition.replicas): \(state)")
            }
        }
    }

    // MARK: - The controller

    private func show(_ image: ClusterImage, to broker: ClusterBroker) {
        step(broker, .imageChanged(image))
        noteLeaders(broker)
        guard broker.isRunning, broker.pausedUntil == nil else { return }
        if image.controllerID == nil {
            standForElection(broker)
        } else if image.controllerID == broker.id, let controller = controllers[broker.id] {
            for step in controller.steps(for: image) {
                switch step {
                case .write(let writes): perform(writes, for: controller, on: broker)
                case .removeTopic(let name): remove(name, for: controller, on: broker)
                }
            }
        }
    }

    private func standForElection(_ broker: ClusterBroker) {
        guard let epoch = tree.node(TreePath.controllerEpoch) else { return }
        let election = ClusterController.election(
            of: broker.id, after: tree.image.controllerEpoch, epochNodeVersion: epoch.version, at: now.unixMilliseconds)
        guard tree.perform(election) else { return }
        note("broker \(broker.id) is the controller")
        controllers[broker.id] = ClusterController(
            epoch: tree.image.controllerEpoch, epochNodeVersion: epoch.version + 1, uncleanElectionByDefault: false)
        treeChanged()
    }

    private func perform(_ writes: [TreeWrite], for controller: ClusterController, on broker: ClusterBroker) {
        let transaction = TreeTransaction([controller.fence] + writes)
        toTree(broker) { world in if !world.write(transaction) { world.note("the controller's write is late") } }
    }

    /// Deletes a part of a topic; what is left is for the next image, perhaps another controller's.
    private func remove(_ name: String, for controller: ClusterController, on broker: ClusterBroker) {
        var nodes = tree.subtree(TreePath.topic(name))
        if tree.node(TreePath.config(ofTopic: name)) != nil { nodes.append(TreePath.config(ofTopic: name)) }
        let removal = TopicRemoval(
            of: name, id: tree.image.topics[name]?.id ?? .zero, nodes: nodes,
            readings: TopicRemoval.states(among: nodes).map { tree.node($0.path) })
        toTree(broker) { world in
            if let path = removal.notePath, let note = removal.note(over: world.tree.node(path)) {
                guard world.write(TreeTransaction([controller.fence, note])) else { return }
            }
            let size = Int.random(in: 1...nodes.count + 1, using: &world.random)
            if !world.write(TreeTransaction([controller.fence] + removal.deletions(inPartsOf: size)[0])) {
                world.note("topic \(name) is not deleted yet")
            }
        }
    }

    /// The controller moves leaderships back to the first replicas.
    func rebalance() {
        guard let id = tree.image.controllerID, let controller = controllers[id] else { return }
        for step in controller.rebalancing(tree.image, above: 0) {
            guard case .write(let writes) = step else { continue }
            perform(writes, for: controller, on: self[id])
        }
    }
}
