import ClusterModel
import Controller
import CoordinatorClient
import Logging
import ZooKeeperProtocol

/// Keeps an image of the cluster up with the coordination tree: notes what events say has changed, and reads that.
///
/// Servers that know persistent recursive watches (Apache's from 3.6 on, and ours) tell of everything below the followed
/// folders; on older ones every reading leaves a watch of its own.
struct TreeFollowing {
    private(set) var image = ClusterImage()
    /// Versions of `/controller_epoch`, the condition of an election; -1 while there is no such node.
    private(set) var controllerEpochVersion: Int32 = -1

    private var watchesPlainly = false
    private var mustReadAll = true
    private var changedNodes: Set<TreeNode> = []
    /// Folders whose children have changed.
    private var changedFolders: Set<String> = []
    /// Whether the image has the rules of access.
    private let followsAccess: Bool
    private let logger: Logger

    private static let alwaysFollowed = [
        TreePath.brokerIDs, TreePath.topics, TreePath.brokerConfigs, TreePath.topicsToDelete,
        TreePath.deletedTopics, TreePath.userConfigs, TreePath.config(of: "clients"), TreePath.config(of: "ips"),
    ]
    private static let singles: [TreeNode] = [
        .clusterID, .controller, .controllerEpoch, .preferredElection, .reassignment,
    ]

    private var folders: [String] {
        followsAccess ? Self.alwaysFollowed + TreePath.accessFolders : Self.alwaysFollowed
    }
    private var watched: [String] {
        followsAccess ? TreePath.followed + TreePath.followedForAccess : TreePath.followed
    }

    init(followsAccess: Bool, logger: Logger) {
        self.followsAccess = followsAccess
        self.logger = logger
    }

    /// Whether ``catchUp(with:)`` has something to do.
    var isBehind: Bool { mustReadAll || !changedNodes.isEmpty || !changedFolders.isEmpty }

    /// Notes what a watch has told.
    mutating func note(_ event: WatchedEvent) {
        if event.kind == .nodeChildrenChanged {
            if folders.contains(event.path) || event.path.hasPrefix(TreePath.userConfigs + "/") {
                changedFolders.insert(event.path)
            }
        } else if let node = TreeNode(path: event.path) {
            changedNodes.insert(node)
        }
    }

    /// Something may have been missed.
    mutating func noteGap() { mustReadAll = true }

    /// Of a new session: its server has no watches of ours.
    mutating func noteNewSession() {
        watchesPlainly = false
        mustReadAll = true
    }

    /// Reads what has changed. On an error nothing counts as read.
    mutating func catchUp(with tree: TreeAccess) async throws(CoordinatorError) {
        let before = self
        do {
            if mustReadAll {
                if !watchesPlainly { watchesPlainly = try await !watchRecursively(tree) }
                image = ClusterImage()
                changedNodes = Set(Self.singles)
                changedFolders = Set(folders)
                mustReadAll = false
            }
            try await readChanged(tree)
        } catch {
            let isPlain = watchesPlainly
            self = before
            watchesPlainly = isPlain
            mustReadAll = true
            throw error
        }
    }

    /// Returns false when the server does not know how.
    private func watchRecursively(_ tree: TreeAccess) async throws(CoordinatorError) -> Bool {
        let mode = AddWatchMode.persistentRecursive.rawValue
        for result in await tree.session.perform(watched.map { .addWatch(path: $0, mode: mode) }) {
            do { _ = try result.get() } catch .refused(.unimplemented, _) { return false }
        }
        return true
    }

    private mutating func readChanged(_ tree: TreeAccess) async throws(CoordinatorError) {
        var folders = changedFolders.sorted()
        while !folders.isEmpty {
            var below: [String] = []
            for (folder, names) in zip(folders, try await tree.children(of: folders, watching: watchesPlainly)) {
                for name in names {
                    if folder == TreePath.userConfigs { below.append(TreePath.clientConfigs(ofUser: name)) }
                    // Of those that are known each change is told by itself.
                    guard let node = TreeNode(path: "\(folder)/\(name)"), !isKnown(node) else { continue }
                    changedNodes.insert(node)
                }
            }
            folders = below
        }
        // What belongs to a topic counts only once the topic's node was taken over.
        var belonging: Set<TreeNode> = []
        var others: [TreeNode] = []
        for node in changedNodes {
            switch node {
            case .partitionState, .topicConfig: belonging.insert(node)
            default: others.append(node)
            }
        }
        try await read(others, tree)
        for case .topic(let name) in others { belonging.formUnion(image.nodesToRead(afterTopic: name)) }
        try await read(Array(belonging), tree)
        changedNodes = []
        changedFolders = []
    }

    private func isKnown(_ node: TreeNode) -> Bool {
        switch node {
        case .broker(let id): image.brokers[id] != nil
        case .topic(let name): image.topics[name] != nil
        case .brokerConfig(let id): image.brokerConfigs[id] != nil
        case .entityConfig(let entity): image.entityConfigs[entity] != nil
        case .topicDeletion(let name): image.topicsBeingDeleted.contains(name)
        case .accessRules(let pattern): image.access.knows(pattern)
        case .deletedTopic(let id): image.deletedTopics[id] != nil
        default: false
        }
    }

    private mutating func read(_ nodes: [TreeNode], _ tree: TreeAccess) async throws(CoordinatorError) {
        for (node, reading) in zip(nodes, try await tree.read(nodes, watching: watchesPlainly)) {
            take(node, reading)
        }
    }

    private mutating func take(_ node: TreeNode, _ reading: NodeReading?) {
        let isTaken = image.take(node, reading, logger)
        if isTaken, node == .controllerEpoch { controllerEpochVersion = reading?.version ?? -1 }
        if case .broker(let id) = node, let broker = image.brokers[id], !broker.isMartlet {
            logger.error("\(TreeFailure.sharedWithApache([id])); it is given no partitions")
            image.brokers[id] = nil
        }
    }
}
