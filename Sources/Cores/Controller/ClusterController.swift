import ClusterModel

/// What the controller wants done to the tree.
package enum ControllerStep: Sendable, Equatable {
    case perform(TreeTransaction)
    /// Delete the topic's node with all below it, its settings, and last the request to delete it.
    case removeTopic(String)
}

/// The controller of a cluster: compares the tree with what it should be and says what to write.
///
/// It keeps no memory of the cluster: every decision follows from one ``ClusterImage``, and every write carries the
/// condition that the image was right (the versions of the state nodes, and of `/controller_epoch`, which another
/// controller would have raised). So a write that fails only means: read again, decide again. Once everything it asked
/// for is done and read back, it asks for nothing.
package struct ClusterController: Sendable {
    /// Of this controller, as written into `/controller_epoch` when it was elected.
    package let epoch: Int32
    /// The version of `/controller_epoch` since.
    package let epochNodeVersion: Int32
    /// The broker's `unclean.leader.election.enable`, for topics that do not say.
    package let uncleanElectionByDefault: Bool

    /// Partitions whose nodes one transaction creates: keeps messages far below the coordinator's limit of 1 MiB.
    private static let partitionsInTransaction = 500

    package init(epoch: Int32, epochNodeVersion: Int32, uncleanElectionByDefault: Bool) {
        self.epoch = epoch
        self.epochNodeVersion = epochNodeVersion
        self.uncleanElectionByDefault = uncleanElectionByDefault
    }

    /// What is to be done now, in this order: deletions, then leaders by topic name. Each transaction
    /// may fail by itself.
    package func steps(for image: ClusterImage) -> [ControllerStep] {
        var steps = image.topicsBeingDeleted.sorted().map { ControllerStep.removeTopic($0) }
        for name in image.topics.keys.sorted() where !image.topicsBeingDeleted.contains(name) {
            guard let topic = image.topics[name] else { continue }
            addSteps(for: topic, name, in: image, to: &steps)
        }
        return steps
    }

    private func addSteps(
        for topic: TopicImage, _ name: String, in image: ClusterImage, to steps: inout [ControllerStep]
    ) {
        let isAlive = { (id: BrokerID) in image.brokers[id] != nil }
        let uncleanAllowed =
            topic.configs["unclean.leader.election.enable"].map { $0 == "true" } ?? uncleanElectionByDefault
        var new: [(TopicPartition, PartitionState)] = []
        for (index, partition) in topic.partitions.enumerated() {
            let id = TopicPartition(topic: name, partition: Int32(index))
            if let state = partition.state {
                guard
                    let next = PartitionLeadership.nextState(
                        of: state, replicas: partition.replicas, uncleanAllowed: uncleanAllowed, isAlive: isAlive,
                        controllerEpoch: epoch)
                else { continue }
                let write = TreeWrite.set(
                    path: TreePath.state(of: id), data: next.text, version: partition.stateVersion)
                steps.append(.perform(fenced([write])))
            } else if let state = PartitionLeadership.initialState(
                replicas: partition.replicas, isAlive: isAlive, controllerEpoch: epoch)
            {
                new.append((id, state))
            }
        }
        addCreations(of: new, withFolder: topic.partitions.allSatisfy { $0.state == nil }, to: &steps)
    }

    /// The nodes of partitions that have no state, below the topic's folder of all of them, which comes with the first.
    private func addCreations(
        of new: [(TopicPartition, PartitionState)], withFolder: Bool, to steps: inout [ControllerStep]
    ) {
        var isFolderDue = withFolder
        var rest = new[...]
        while !rest.isEmpty {
            var writes: [TreeWrite] = []
            for (id, state) in rest.prefix(Self.partitionsInTransaction) {
                if isFolderDue { writes.append(.create(path: TreePath.partitions(of: id.topic), data: [])) }
                isFolderDue = false
                writes.append(.create(path: TreePath.partition(id), data: []))
                writes.append(.create(path: TreePath.state(of: id), data: state.text))
            }
            steps.append(.perform(fenced(writes)))
            rest = rest.dropFirst(Self.partitionsInTransaction)
        }
    }

    /// Refused once another controller was elected.
    private func fenced(_ writes: [TreeWrite]) -> TreeTransaction {
        TreeTransaction([.check(path: TreePath.controllerEpoch, version: epochNodeVersion)] + writes)
    }

    /// How `broker` becomes controller: takes `/controller` for its session and raises the epoch, in one transaction.
    /// - Parameters:
    ///   - epoch: what `/controller_epoch` holds.
    ///   - epochNodeVersion: its version.
    package static func election(
        of broker: BrokerID, after epoch: Int32, epochNodeVersion: Int32, at unixMilliseconds: Int64
    ) -> TreeTransaction {
        let node = ControllerNode(broker: broker, unixMilliseconds: unixMilliseconds)
        return TreeTransaction([
            .create(path: TreePath.controller, data: node.text, .ephemeral),
            .set(
                path: TreePath.controllerEpoch, data: ControllerEpochNode.text(epoch + 1), version: epochNodeVersion),
        ])
    }
}
