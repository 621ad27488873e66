import ClusterModel
import Controller
import CoordinatorClient
import Logging
import Platform
import Seams

/// How a broker comes into the tree: lays the tree out where it is new, refuses Apache's company, and registers.
struct TreeRegistering {
    /// How often a registration that is in the way is looked at.
    private static let checkInterval = Duration.milliseconds(100)
    /// How much later than its session's end a registration may go: servers look in steps.
    private static let expirySlack = Duration.seconds(2)

    let settings: TreeSettings
    let session: CoordinatorSession
    let logger: Logger
    private let clock = SystemClock()

    init(settings: TreeSettings, session: CoordinatorSession, logger: Logger) {
        self.settings = settings
        self.session = session
        self.logger = logger
    }

    private var tree: TreeAccess { TreeAccess(session: session, rights: settings.rights) }
    private var path: String { TreePath.broker(settings.broker) }

    /// Registers the broker. Returns the zxid of the registration.
    /// - Parameter isWhole: of a process that starts, whether a partition's log holds all that was written to it; what
    ///   others count on and is lost is given up first.
    func takePlace(
        _ registration: BrokerRegistration, isWhole: (@Sendable (TopicPartition) -> Bool)? = nil
    ) async throws(TreeFailure) -> Int64 {
        let leaving = isWhole.map {
            LeavingInSyncSets(broker: settings.broker, isWhole: $0, tree: tree, logger: logger)
        }
        while true {
            do {
                try await tree.createAbsent(TreePath.persistent)
                if settings.controlsAccess { try await tree.createAbsent(TreePath.persistentForAccess) }
                try await tree.createAbsent(TreePath.feature, FeatureNode.text)
                try await refuseApache()
                let epoch = try await create(registration, after: leaving)
                logger.info("registered broker \(settings.broker)")
                return epoch
            } catch CoordinatorError.connectionLost {
                do { try await session.untilConnected() } catch { throw TreeFailure(error) }
            } catch {
                throw TreeFailure(error)
            }
        }
    }

    private func refuseApache() async throws {
        let nodes = try await tree.children(of: [TreePath.brokerIDs])[0].compactMap {
            TreeNode(path: "\(TreePath.brokerIDs)/\($0)")
        }
        var others: [BrokerID] = []
        for (node, reading) in zip(nodes, try await tree.read(nodes)) {
            guard case .broker(let id) = node, let reading else { continue }
            if try !BrokerRegistration(parsing: reading.data, epoch: reading.created).isMartlet { others.append(id) }
        }
        guard others.isEmpty else { throw TreeFailure.sharedWithApache(others.sorted()) }
    }

    /// A process that was killed leaves its registration until its session expires, which is waited for unless the
    /// process is known to be dead.
    private func create(
        _ registration: BrokerRegistration, after leaving: LeavingInSyncSets?
    ) async throws -> Int64 {
        let deadline = clock.now() + session.timeout + Self.expirySlack
        var mustLeave = try await leaving?.isDue() ?? false
        var removals: [TreeWrite] = []
        var isWaiting = false
        while true {
            if let leaving, mustLeave {
                try await remove(removals)
                if try await !tree.exists(path) {
                    try await leaving.leave()
                    mustLeave = false
                }
            } else {
                try await createOnce(registration, after: removals)
            }
            removals = []
            guard let stat = try await tree.stat(path), let other = try await tree.read(.broker(settings.broker)),
                stat.czxid == other.created
            else { continue }
            if stat.ephemeralOwner == session.id { return stat.czxid }
            let theirs = try BrokerRegistration(parsing: other.data, epoch: other.created)
            if clock.now() > deadline { throw TreeFailure.alreadyRegistered(settings.broker, at: theirs.place) }
            if registration.logDirectoryID != nil, registration.logDirectoryID == theirs.logDirectoryID {
                logger.info("replacing the registration of a process that was killed")
                removals = try await tree.removals(of: settings.broker, ofSession: stat.ephemeralOwner)
                continue
            }
            if !isWaiting { logger.info("waiting for an earlier registration of broker \(settings.broker) to expire") }
            isWaiting = true
            try await Task.sleep(for: Self.checkInterval)
        }
    }

    /// What has gone meanwhile need not be removed.
    private func remove(_ removals: [TreeWrite]) async throws(CoordinatorError) {
        guard !removals.isEmpty else { return }
        do { try await tree.perform(TreeTransaction(removals)) } catch .refused(.noNode, _) { return }
    }

    /// Whether it was done shows in the tree: the reply to an earlier attempt may have been lost.
    private func createOnce(
        _ registration: BrokerRegistration, after removals: [TreeWrite]
    ) async throws(CoordinatorError) {
        let text = registration.text(at: clock.now().unixMilliseconds)
        let write = TreeWrite.create(path: path, data: text, .ephemeral)
        do {
            try await tree.perform(TreeTransaction(removals + [write]))
        } catch .refused(let error, _) where error == .nodeExists || error == .noNode && !removals.isEmpty {
            return
        }
    }
}
