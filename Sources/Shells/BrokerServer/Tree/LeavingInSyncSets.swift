import ClusterModel
import Controller
import CoordinatorClient
import Logging

/// How a broker that starts gives up what it may have lost, as ``LostTail`` says. None of its registrations may be in
/// the tree.
struct LeavingInSyncSets {
    let broker: BrokerID
    /// Whether the log of a partition holds all that was ever written to it.
    let isWhole: @Sendable (TopicPartition) -> Bool
    let tree: TreeAccess
    let logger: Logger

    /// Whether there is anything to give up.
    func isDue() async throws -> Bool {
        let image = try await readTopics()
        return !steps(in: image) { _ in false }.isEmpty
    }

    /// Returns when it is done for every partition that the tree knew when the last reading began.
    func leave() async throws {
        var done: Set<TopicPartition> = []
        var left = 0
        var alone = 0
        while true {
            let image = try await readTopics()
            let due = steps(in: image) { done.contains($0) }
            guard !due.isEmpty else { break }
            for (step, result) in zip(due, await tree.perform(due.map(\.transaction))) {
                switch result {
                case .success: done.formUnion(step.partitions)
                // It met a state that had changed since it was read.
                case .failure(.refused): continue
                case .failure(let error): throw error
                }
                for partition in step.partitions {
                    guard let inSync = image.partition(partition)?.isr, inSync.contains(broker) else { continue }
                    if inSync.count > 1 { left += 1 } else { alone += 1 }
                }
            }
        }
        guard left + alone > 0 else { return }
        logger.warning(
            """
            records may be missing here that were not synced when the machine went down, or logs are: left the in-sync \
            sets of \(left) partitions; of \(alone) no other replica is in sync, they go on with what is here
            """)
    }

    private func steps(
        in image: ClusterImage, except isDone: (TopicPartition) -> Bool
    ) -> [(partitions: [TopicPartition], transaction: TreeTransaction)] {
        LostTail.transactions(of: broker, in: image) { !isWhole($0) && !isDone($0) }
    }

    private func readTopics() async throws -> ClusterImage {
        var image = ClusterImage()
        let names = try await tree.children(of: [TreePath.topics])[0]
        try await read(names.map { .topic($0) }, into: &image)
        try await read(names.flatMap { image.nodesToRead(afterTopic: $0) }, into: &image)
        return image
    }

    private func read(_ nodes: [TreeNode], into image: inout ClusterImage) async throws {
        for (node, reading) in zip(nodes, try await tree.read(nodes)) { image.take(node, reading, logger) }
    }
}
