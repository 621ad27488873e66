import ClusterModel

/// What tools and time ask of a controller, besides what the tree itself shows to be wrong.
extension ClusterController {
    /// Preferred leaders of partitions of which too many of one broker's are led by others
    /// (`leader.imbalance.per.broker.percentage`), as Apache Kafka's controller elects them from time to time.
    /// - Parameter percentage: how many of a hundred partitions whose first replica is on a broker may be led by others.
    package func rebalancing(_ image: ClusterImage, above percentage: Int) -> [ControllerStep] {
        var preferredBy: [BrokerID: (count: Int, elsewhere: [TopicPartition])] = [:]
        for (name, topic) in image.topics where !image.topicsBeingDeleted.contains(name) {
            for (index, partition) in topic.partitions.enumerated() {
                guard let preferred = partition.replicas.first, !partition.assignment.isMoving else { continue }
                preferredBy[preferred, default: (0, [])].count += 1
                if partition.leader != preferred {
                    let id = TopicPartition(topic: name, partition: Int32(index))
                    preferredBy[preferred]?.elsewhere.append(id)
                }
            }
        }
        var wanted: [TopicPartition] = []
        for (broker, partitions) in preferredBy where image.brokers[broker] != nil {
            if partitions.elsewhere.count * 100 > partitions.count * percentage { wanted += partitions.elsewhere }
        }
        return elections(of: wanted.sorted(), image)
    }

    /// Obeys `/admin/preferred_replica_election`, and takes it away.
    func requestedElections(_ image: ClusterImage) -> [ControllerStep] {
        guard let wanted = image.requestedElection else { return [] }
        return elections(of: wanted, image) + [.write([.delete(path: TreePath.preferredElection, version: -1)])]
    }

    /// Those of the elections that change something.
    private func elections(of wanted: [TopicPartition], _ image: ClusterImage) -> [ControllerStep] {
        let brokers = BrokerStanding(image)
        var steps: [ControllerStep] = []
        for id in wanted where !image.topicsBeingDeleted.contains(id.topic) {
            guard let partition = image.partition(id) else { continue }
            do throws(ChangeRefusal) {
                let state = try PartitionLeadership.preferredElection(
                    of: partition, brokers.serving(id), controllerEpoch: epoch)
                steps.append(.write([partition.write(state, of: id)]))
            } catch {
                // Led by its first replica already, or that one cannot lead: as good as it gets.
                continue
            }
        }
        return steps
    }

    /// Obeys `/admin/reassign_partitions`: begins the moves, and takes the node away once all are done, for tools wait
    /// for that. What cannot be done counts as done, as with Apache's controller.
    func requestedMoves(_ image: ClusterImage) -> [ControllerStep] {
        guard let requested = image.requestedReassignment else { return [] }
        var byTopic: [String: [Int32: [BrokerID]?]] = [:]
        var isUnderWay = false
        for (id, target) in requested.targets where !image.topicsBeingDeleted.contains(id.topic) {
            guard let partition = image.partition(id) else { continue }
            if partition.assignment.target == target {
                if partition.assignment.isMoving { isUnderWay = true }
                continue
            }
            do throws(ChangeRefusal) {
                _ = try partition.redirected(to: target, in: image)
                byTopic[id.topic, default: [:]][id.partition] = target
            } catch {
                continue
            }
        }
        var steps: [ControllerStep] = []
        for (name, targets) in byTopic.sorted(by: { $0.key < $1.key }) {
            do throws(ChangeRefusal) {
                steps.append(.write(try TreeChange.reassignment(of: name, to: targets, on: image)))
            } catch {
                preconditionFailure("moves of \(name) that were possible are not: \(error)")
            }
        }
        if steps.isEmpty && !isUnderWay { steps.append(.write([.delete(path: TreePath.reassignment, version: -1)])) }
        return steps
    }
}
