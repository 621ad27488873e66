import ClusterModel

/// What the controller wants done to the tree.
package enum ControllerStep: Sendable, Equatable {
    /// Writes that belong together. Each carries its own condition, so that steps may share a transaction; which has to
    /// check that the controller is still in office (``ClusterController/fence``).
    case write([TreeWrite])
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

    /// Partitions whose nodes one step writes: keeps messages far below the coordinator's limit of 1 MiB.
    private static let partitionsInStep = 500

    package init(epoch: Int32, epochNodeVersion: Int32, uncleanElectionByDefault: Bool) {
        self.epoch = epoch
        self.epochNodeVersion = epochNodeVersion
        self.uncleanElectionByDefault = uncleanElectionByDefault
    }

    /// Refuses a transaction once another controller was elected.
    package var fence: TreeWrite { .check(path: TreePath.controllerEpoch, version: epochNodeVersion) }

    /// What is to be done now, in this order: deletions, what tools asked for by nodes of `/admin`, then moves and
    /// leaders by topic name. Each step may fail by itself.
    ///
    /// - Parameter decided: an image all of whose steps are done: topics that are the same as there are passed over
    ///   while the brokers are the same too.
    package func steps(for image: ClusterImage, since decided: ClusterImage? = nil) -> [ControllerStep] {
        var steps = image.topicsBeingDeleted.sorted().map { ControllerStep.removeTopic($0) }
        steps += requestedElections(image) + requestedMoves(image)
        let brokers = BrokerStanding(image)
        for name in names(for: image, since: decided) where !image.topicsBeingDeleted.contains(name) {
            guard let topic = image.topics[name] else { continue }
            addSteps(for: topic, name, brokers, to: &steps)
        }
        return steps
    }

    private func names(for image: ClusterImage, since decided: ClusterImage?) -> [String] {
        guard let decided, BrokerStanding(decided) == BrokerStanding(image),
            decided.topicsBeingDeleted == image.topicsBeingDeleted
        else { return image.topics.keys.sorted() }
        return image.topics.names(differingFrom: decided.topics)
    }

    private func addSteps(
        for topic: TopicImage, _ name: String, _ brokers: BrokerStanding, to steps: inout [ControllerStep]
    ) {
        let uncleanAllowed =
            topic.configs["unclean.leader.election.enable"].map { $0 == "true" } ?? uncleanElectionByDefault
        let cuts = MirrorCuts(configs: topic.configs)
        var new: [(TopicPartition, PartitionState)] = []
        var settled: [(TopicPartition, PartitionState)] = []
        for (index, partition) in topic.partitions.enumerated() {
            let id = TopicPartition(topic: name, partition: Int32(index))
            let brokers = brokers.serving(id)
            if partition.state == nil {
                let state = PartitionLeadership.initialState(
                    replicas: partition.replicas, brokers, controllerEpoch: epoch,
                    leaderEpoch: cuts.latest(of: id.partition)?.leaderEpoch ?? 0)
                if let state { new.append((id, state)) }
            } else if partition.assignment.isMoving, settled.count < Self.partitionsInStep,
                let state = PartitionLeadership.settledState(of: partition, brokers, controllerEpoch: epoch)
            {
                settled.append((id, state))
            } else if let state = partition.state,
                let next = PartitionLeadership.nextState(
                    of: state, replicas: partition.replicas, uncleanAllowed: uncleanAllowed, brokers,
                    controllerEpoch: epoch)
            {
                steps.append(.write([partition.write(next, of: id)]))
            }
        }
        if !settled.isEmpty { steps.append(settling(settled, of: topic, name)) }
        addCreations(of: new, withFolder: topic.partitions.allSatisfy { $0.state == nil }, to: &steps)
    }

    /// Ends the moves of partitions: they live at their new places alone.
    private func settling(
        _ settled: [(TopicPartition, PartitionState)], of topic: TopicImage, _ name: String
    ) -> ControllerStep {
        var node = TopicNode(topic)
        var states: [TreeWrite] = []
        for (id, state) in settled {
            let partition = topic.partitions[Int(id.partition)]
            node.place(Int(id.partition), partition.assignment.settled)
            states.append(partition.write(state, of: id))
        }
        return .write([.set(path: TreePath.topic(name), data: node.text, version: topic.nodeVersion)] + states)
    }

    /// The nodes of partitions that have no state, below the topic's folder of all of them, which comes with the first.
    private func addCreations(
        of new: [(TopicPartition, PartitionState)], withFolder: Bool, to steps: inout [ControllerStep]
    ) {
        var isFolderDue = withFolder
        var rest = new[...]
        while !rest.isEmpty {
            var writes: [TreeWrite] = []
            for (id, state) in rest.prefix(Self.partitionsInStep) {
                if isFolderDue { writes.append(.create(path: TreePath.partitions(of: id.topic), data: [])) }
                isFolderDue = false
                writes.append(.create(path: TreePath.partition(id), data: []))
                writes.append(.create(path: TreePath.state(of: id), data: state.text))
            }
            steps.append(.write(writes))
            rest = rest.dropFirst(Self.partitionsInStep)
        }
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
