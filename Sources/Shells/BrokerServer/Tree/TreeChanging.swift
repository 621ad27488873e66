import ClusterModel
import Controller
import CoordinatorClient
import KafkaProtocol
import Logging
import ZooKeeperProtocol

/// Performs what admin requests ask of the tree.
struct TreeChanging {
    /// How often a change is tried whose conditions were overtaken.
    private static let attempts = 5
    /// As long as Apache's brokers may take to read a notice of changed settings.
    private static let noticesLiveFor: Int64 = 15 * 60 * 1000

    let broker: BrokerID
    let logger: Logger

    /// Performs `change` on what `following` shows, which is caught up on the way as far as needed.
    func perform(_ change: TreeChange, _ following: inout TreeFollowing, _ tree: TreeAccess) async -> TreeOutcome {
        do {
            for _ in 0..<Self.attempts {
                if let outcome = try await attempt(change, following.image, tree) { return outcome }
                following.noteGap()
                try await following.catchUp(with: tree)
            }
            return .refused(
                errorCode: ErrorCode.requestTimedOut.rawValue, message: "What it is about keeps changing.")
        } catch {
            logger.warning("\(change) failed: \(error)")
            return .unavailable
        }
    }

    /// Performs changes that can be made with others (``TreeChange/isMadeWithOthers``) on what `image` shows, all sent at
    /// once, each tried once.
    func performOnce(_ changes: [TreeChange], on image: ClusterImage, _ tree: TreeAccess) async -> [TreeOutcome] {
        var outcomes: [TreeOutcome] = []
        var transactions: [TreeTransaction] = []
        var places: [Int] = []
        for (place, change) in changes.enumerated() {
            do throws(ChangeRefusal) {
                for transaction in try change.transactions(on: image, configNode: nil) {
                    transactions.append(transaction)
                    places.append(place)
                }
                outcomes.append(.done)
            } catch {
                outcomes.append(.refused(error))
            }
        }
        for (place, result) in zip(places, await tree.perform(transactions)) {
            do { _ = try result.get() } catch .refused(.noNode, _) {
                outcomes[place] = .refused(ChangeRefusal(.unknownTopicOrPartition))
            } catch .refused {
                outcomes[place] = .refused(ChangeRefusal(.invalidUpdateVersion))
            } catch {
                outcomes[place] = .unavailable
            }
        }
        return outcomes
    }

    /// nil when the tree has changed meanwhile.
    private func attempt(
        _ change: TreeChange, _ image: ClusterImage, _ tree: TreeAccess
    ) async throws(CoordinatorError) -> TreeOutcome? {
        var configNode: NodeReading?
        if let path = change.configPath { configNode = try await tree.read(path) }
        switch change {
        case .setConfigs(let entity, _, _) where configNode == nil: try await createFolders(of: entity, tree)
        case .alterAccess(_, let added, _) where configNode == nil && !added.isEmpty:
            try await tree.createAbsent(TreePath.persistentForAccess)
        default: break
        }
        let transactions: [TreeTransaction]
        do throws(ChangeRefusal) {
            transactions = try change.transactions(on: image, configNode: configNode)
        } catch {
            return .refused(error)
        }
        for transaction in transactions {
            do {
                try await tree.perform(transaction)
            } catch .refused(.nodeExists, let index) {
                switch (change, transaction.writes[index]) {
                case (.createTopic(let name, _, _, _), .create(let path, _, _)) where path == TreePath.topic(name):
                    return .refused(
                        errorCode: ErrorCode.topicAlreadyExists.rawValue,
                        message: "Topic '\(name)' already exists.")
                case (.deleteTopic, _): return .done
                default: return nil
                }
            } catch .refused(.badVersion, _), .refused(.noNode, _) {
                return nil
            } catch .refused(let error, _) {
                return .refused(
                    errorCode: ErrorCode.unknownServerError.rawValue, message: "the coordinator refused: \(error)")
            }
        }
        if case .alterAccess = change, transactions.isEmpty { return .unchanged }
        if let folder = change.noticesFolder {
            do { try await removeOldNotices(in: folder, tree) } catch {
                logger.info("old notices in \(folder) stay for now: \(error)")
            }
        }
        return .done
    }

    /// Of the settings of a client of a user: the folders above.
    private func createFolders(of entity: String, _ tree: TreeAccess) async throws(CoordinatorError) {
        let names = entity.split(separator: "/")
        for count in 1..<names.count {
            try await tree.createAbsent([TreePath.config(of: names.prefix(count).joined(separator: "/"))])
        }
    }

    /// Removes notices of changes that everybody has had time to read: nobody else does.
    private func removeOldNotices(in folder: String, _ tree: TreeAccess) async throws(CoordinatorError) {
        // Their numbers go up with time.
        let paths = try await tree.children(of: [folder])[0].map { "\(folder)/\($0)" }
        guard let last = paths.last, let newest = try await tree.stat(last)?.ctime else { return }
        var old: [String] = []
        for path in paths.dropLast() {
            guard let made = try await tree.stat(path)?.ctime, made < newest - Self.noticesLiveFor else { break }
            old.append(path)
        }
        for result in await tree.perform(old.map { TreeTransaction([.delete(path: $0, version: -1)]) }) {
            do { _ = try result.get() } catch .refused(.noNode, _) { continue }
        }
    }

    /// A block of producer ids that nobody else has; nil when the tree cannot give one.
    func allocateProducerIDs(ofCluster clusterID: String, _ tree: TreeAccess) async -> ProducerIDBlock? {
        do {
            for _ in 0..<Self.attempts {
                let (block, version) = try await nextBlock(ofCluster: clusterID, tree)
                if try await claim(block, version: version, tree) { return block }
            }
            logger.error("no producer ids: other brokers were always faster")
        } catch {
            logger.error("no producer ids: \(error)")
        }
        return nil
    }

    /// The block to take next, and the version of the node on that condition.
    private func nextBlock(
        ofCluster clusterID: String, _ tree: TreeAccess
    ) async throws -> (ProducerIDBlock, version: Int32) {
        guard
            case .data(let data, let stat) = try await tree.session.perform(
                .getData(path: TreePath.producerIDBlock, watch: false))
        else { preconditionFailure("the reply to getData is no data") }
        var latest: ProducerIDBlock?
        if let data, data.readableBytes > 0 { latest = try ProducerIDBlock(parsing: Array(data.readableBytesView)) }
        guard let next = ProducerIDBlock.next(after: latest, for: broker, ofCluster: clusterID) else {
            throw MalformedNode(node: TreePath.producerIDBlock, reason: "the cluster's range is used up")
        }
        return (next, stat.version)
    }

    /// Returns false when another broker was faster.
    private func claim(
        _ block: ProducerIDBlock, version: Int32, _ tree: TreeAccess
    ) async throws(CoordinatorError) -> Bool {
        do {
            try await tree.perform(
                TreeTransaction([.set(path: TreePath.producerIDBlock, data: block.text, version: version)]))
            return true
        } catch .refused(.badVersion, _) {
            return false
        }
    }
}

extension TreeChange {
    /// Where it leaves a notice for Apache's brokers; nil when it leaves none.
    fileprivate var noticesFolder: String? {
        switch self {
        case .setTopicConfigs, .setConfigs: TreePath.configChanges
        case .alterAccess(let pattern, _, _): TreePath.accessChanges(of: pattern.form)
        default: nil
        }
    }
}
