import ClusterModel
import Controller
import CoordinatorClient
import Logging
import ZooKeeperProtocol

/// This broker's part in the controller's office: stands for election when nobody holds it, and while it does, has done
/// to the tree what the controller decides.
struct TreeController {
    /// Writes of several steps that go together: one that fails makes all be done again.
    private static let writesInTransaction = 100
    /// What they may come to: far below the coordinator's limit of 1 MiB for a message.
    private static let bytesInTransaction = 256 * 1024
    /// How many topics that were deleted are kept in mind.
    private static let deletedTopicsRemembered = 1000
    /// Nodes one transaction deletes: keeps messages far below the coordinator's limit of 1 MiB.
    private static let deletionsInTransaction = 1000

    /// nil while this broker is not the controller.
    private(set) var controller: ClusterController?
    /// The image all of whose steps are done; nil when some may be left.
    private var decided: ClusterImage?
    private let settings: TreeSettings
    private let logger: Logger

    init(settings: TreeSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Does what the image asks for. Returns whether all was done; what was not, because the tree has changed
    /// meanwhile, is to be decided again on a newer image.
    mutating func act(
        on following: TreeFollowing, with tree: TreeAccess, at unixMilliseconds: Int64
    ) async throws(CoordinatorError) -> Bool {
        let image = following.image
        guard let holder = image.controllerID else {
            resign()
            // Whoever is about to stop would only pass the office on.
            if image.brokers[settings.broker]?.isShuttingDown == true, image.brokers.count > 1 { return true }
            return try await standForElection(following, tree, unixMilliseconds)
        }
        guard holder == settings.broker else {
            resign()
            return true
        }
        let unclean = settings.allowsUncleanElection(image)
        if controller?.epoch != image.controllerEpoch
            || controller?.epochNodeVersion != following.controllerEpochVersion
            || controller?.uncleanElectionByDefault != unclean
        {
            resign()
            controller = try await reinstated(following, tree, unclean: unclean)
        }
        guard let controller else { return true }
        let isDone = try await perform(controller.steps(for: image, since: decided), on: image, tree)
        decided = isDone ? image : nil
        return isDone
    }

    /// Has partitions led by their first replicas, where too many are not.
    func rebalance(_ image: ClusterImage, _ tree: TreeAccess) async throws(CoordinatorError) {
        guard let controller, settings.leadership.isRebalanced else { return }
        let steps = controller.rebalancing(image, above: settings.leadership.imbalancePercentage)
        if steps.isEmpty { return }
        logger.info("electing the preferred leaders of \(steps.count) partitions")
        _ = try await perform(steps, on: image, tree)
    }

    /// The session has ended, and the office with it.
    mutating func resign() {
        controller = nil
        decided = nil
    }

    private func standForElection(
        _ following: TreeFollowing, _ tree: TreeAccess, _ unixMilliseconds: Int64
    ) async throws(CoordinatorError) -> Bool {
        if following.controllerEpochVersion < 0 {
            try await tree.createAbsent(TreePath.controllerEpoch, ControllerEpochNode.text(0))
        }
        let election = ClusterController.election(
            of: settings.broker, after: following.image.controllerEpoch,
            epochNodeVersion: max(following.controllerEpochVersion, 0), at: unixMilliseconds)
        do { try await tree.perform(election) } catch .refused(let error, _) {
            logger.info("another broker became controller: \(error)")
            return false
        }
        return true
    }

    /// The office, when the tree says that this session holds it: after its election was seen. A node of this broker
    /// that an earlier session of it left behind goes by itself.
    private func reinstated(
        _ following: TreeFollowing, _ tree: TreeAccess, unclean: Bool
    ) async throws(CoordinatorError) -> ClusterController? {
        guard try await tree.stat(TreePath.controller)?.ephemeralOwner == tree.session.id else { return nil }
        try await forgetDeletedTopics(tree)
        let epoch = following.image.controllerEpoch
        logger.info("broker \(settings.broker) is the controller of the cluster, epoch \(epoch)")
        return ClusterController(
            epoch: epoch, epochNodeVersion: following.controllerEpochVersion,
            uncleanElectionByDefault: unclean)
    }

    /// Returns whether all steps were done. One that was refused is no error: somebody else has changed the tree.
    private func perform(
        _ steps: [ControllerStep], on image: ClusterImage, _ tree: TreeAccess
    ) async throws(CoordinatorError) -> Bool {
        guard let fence = controller?.fence else { return false }
        var isDone = true
        var writes: [[TreeWrite]] = []
        for step in steps {
            switch step {
            case .write(let step): writes.append(step)
            case .removeTopic(let name):
                do {
                    try await removeTopic(name, image.topics[name], tree)
                } catch .refused(let error, _) {
                    logger.info("topic \(name) is not deleted yet: \(error)")
                    isDone = false
                }
            }
        }
        var alone: [[TreeWrite]] = []
        let groups = Self.groups(of: writes)
        for (group, result) in zip(groups, await tree.perform(groups.map { TreeTransaction([fence] + $0.joined()) })) {
            do { _ = try result.get() } catch .refused { alone += group }
        }
        let results = await tree.perform(alone.map { TreeTransaction([fence] + $0) })
        for (step, result) in zip(alone, results) {
            do { _ = try result.get() } catch .refused(let error, let index) {
                isDone = false
                try await retry(TreeTransaction([fence] + step), refusedWith: error, at: index, tree)
            }
        }
        return isDone
    }

    /// Steps that share a transaction: a failed broker costs thousands of writes.
    private static func groups(of steps: [[TreeWrite]]) -> [[[TreeWrite]]] {
        var groups: [[[TreeWrite]]] = []
        var (writes, bytes) = (writesInTransaction, 0)
        for step in steps {
            let size = step.reduce(0) { $0 + $1.sizeInBytes }
            if writes + step.count > writesInTransaction || bytes + size > bytesInTransaction {
                groups.append([])
                (writes, bytes) = (0, 0)
            }
            groups[groups.count - 1].append(step)
            writes += step.count
            bytes += size
        }
        return groups
    }

    /// A folder that is there already, without what belongs into it, would be in the way for ever: a controller of
    /// Apache's that died in the middle leaves such. So the transaction is tried without it.
    private func retry(
        _ transaction: TreeTransaction, refusedWith error: ZooKeeperError, at index: Int, _ tree: TreeAccess
    ) async throws(CoordinatorError) {
        guard error == .nodeExists, case .create(_, let data, _) = transaction.writes[index], data.isEmpty else {
            return logger.info("the tree has changed before a write of the controller: \(error)")
        }
        var rest = transaction
        rest.writes.remove(at: index)
        do {
            try await tree.perform(rest)
        } catch .refused(let error, let index) {
            try await retry(rest, refusedWith: error, at: index, tree)
        }
    }

    private func removeTopic(
        _ name: String, _ topic: TopicImage?, _ tree: TreeAccess
    ) async throws(CoordinatorError) {
        guard let fence = controller?.fence else { return }
        var nodes = Array(try await tree.subtree(TreePath.topic(name)).reversed())
        if try await tree.exists(TreePath.config(ofTopic: name)) { nodes.append(TreePath.config(ofTopic: name)) }
        let removal = TopicRemoval(
            of: name, id: topic?.id ?? .zero, nodes: nodes,
            readings: try await tree.read(TopicRemoval.states(among: nodes)))
        if let path = removal.notePath, let note = removal.note(over: try await tree.read(path)) {
            try await tree.perform(TreeTransaction([fence, note]))
        }
        for part in removal.deletions(inPartsOf: Self.deletionsInTransaction) {
            try await tree.perform(TreeTransaction([fence] + part))
        }
        logger.info("deleted topic \(name)")
    }

    /// Forgets of the topics that were deleted those that were deleted first, when there are many.
    private func forgetDeletedTopics(_ tree: TreeAccess) async throws(CoordinatorError) {
        let paths = try await tree.children(of: [TreePath.deletedTopics])[0].map { "\(TreePath.deletedTopics)/\($0)" }
        guard paths.count > Self.deletedTopicsRemembered else { return }
        var byAge: [(path: String, made: Int64)] = []
        for path in paths { if let stat = try await tree.stat(path) { byAge.append((path, stat.czxid)) } }
        byAge.sort { $0.made < $1.made }
        let old = byAge.dropLast(Self.deletedTopicsRemembered)
        for result in await tree.perform(old.map { TreeTransaction([.delete(path: $0.path, version: -1)]) }) {
            do { _ = try result.get() } catch .refused(.noNode, _) { continue }
        }
    }
}
