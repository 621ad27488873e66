import ClusterModel
import Controller
import CoordinatorClient
import Logging
import NIOCore
import Platform
import Seams
import ZooKeeperProtocol

/// A broker as a member of its cluster: keeps its registration, follows the tree, holds the controller's office when it
/// falls to it, and performs changes. One task works here, on one thing after the other.
///
///     connect() ─▶ register() ─▶ run(): following ⇄ (expired) starting over ─▶ closed, or lost
struct TreeMember: Sendable {
    private static let retryDelay = Duration.seconds(1)
    /// As Apache's controller waits after its election.
    private static let firstRebalanceDelay = Duration.seconds(5)

    let clusterID: String
    private let settings: TreeSettings
    private let group: any EventLoopGroup
    private let logger: Logger
    private let inbox: TreeInbox
    private let onImage: @Sendable (ClusterImage) -> Void
    private let onLost: @Sendable (String) -> Void
    private let clock = SystemClock()

    private var session: CoordinatorSession
    /// Counts sessions: events of earlier ones are nobody's business.
    private var sessionNumber: Int
    private var registration: BrokerRegistration?
    /// The zxid of the registration.
    private var registrationEpoch: Int64 = -1
    private var following: TreeFollowing
    private var controller: TreeController
    /// The image that was published last, and that the controller decided on.
    private var current: ClusterImage?
    /// Whether the controller has something left to do on ``current``.
    private var isUndecided = false
    private var isRetryAhead = false
    /// Whether the registration in the tree does not say yet which replicas are offline.
    private var isMarkDue = false
    private var isReadingAhead = false
    /// Who waits until the broker may stop, and for how long.
    private var leaving: (latest: Instant, then: @Sendable () -> Void)?
    private var hasEnded = false

    private var tree: TreeAccess { TreeAccess(session: session, rights: settings.rights) }
    private var changing: TreeChanging { TreeChanging(broker: settings.broker, logger: logger) }

    /// Opens a session, and reads the cluster's id from the tree or draws one for it.
    static func connect(
        _ settings: TreeSettings, inbox: TreeInbox, on group: any EventLoopGroup, logger: Logger,
        onImage: @escaping @Sendable (ClusterImage) -> Void, onLost: @escaping @Sendable (String) -> Void
    ) async throws(TreeFailure) -> TreeMember {
        let number = 1
        let session = CoordinatorSession(settings.coordinator, on: group, logger: logger) { event in
            inbox.post(.event(event, session: number))
        }
        do {
            try await session.start()
            try await session.createChroot(acl: settings.rights.acl(of: "/"))
            let tree = TreeAccess(session: session, rights: settings.rights)
            return TreeMember(
                clusterID: try await clusterID(tree), settings: settings, group: group,
                logger: logger, inbox: inbox, onImage: onImage, onLost: onLost, session: session, sessionNumber: number)
        } catch {
            await session.close()
            throw TreeFailure(error)
        }
    }

    private init(
        clusterID: String, settings: TreeSettings, group: any EventLoopGroup, logger: Logger, inbox: TreeInbox,
        onImage: @escaping @Sendable (ClusterImage) -> Void, onLost: @escaping @Sendable (String) -> Void,
        session: CoordinatorSession, sessionNumber: Int
    ) {
        self.clusterID = clusterID
        self.settings = settings
        self.group = group
        self.logger = logger
        self.inbox = inbox
        self.onImage = onImage
        self.onLost = onLost
        self.session = session
        self.sessionNumber = sessionNumber
        following = TreeFollowing(followsAccess: settings.controlsAccess, logger: logger)
        controller = TreeController(settings: settings, logger: logger)
    }

    private static func clusterID(_ tree: TreeAccess) async throws -> String {
        var reading = try await tree.read(.clusterID)
        if reading == nil {
            var generator = SystemRandomNumberGenerator()
            let id = KafkaUUID.random(using: &generator).description
            try await tree.createAbsent([TreePath.cluster])
            // Of brokers that start at the same time one is the first: its id counts.
            try await tree.createAbsent(TreePath.clusterID, ClusterIDNode.text(id))
            reading = try await tree.read(.clusterID)
        }
        return try ClusterIDNode.parse(reading?.data ?? [])
    }

    /// Ends the session, and with it the registration and the office.
    func leave() async { await session.close() }

    /// Registers the broker, and publishes the first image.
    mutating func register(
        _ registration: BrokerRegistration, isWhole: @escaping @Sendable (TopicPartition) -> Bool
    ) async throws(TreeFailure) {
        self.registration = registration
        try await takePlace(isWhole: isWhole)
        while current == nil {
            do {
                try await follow()
            } catch .unreachable(.connectionLost) {
                do { try await session.untilConnected() } catch { throw TreeFailure(error) }
            }
        }
    }

    private mutating func takePlace(
        isWhole: (@Sendable (TopicPartition) -> Bool)? = nil
    ) async throws(TreeFailure) {
        guard let registration else { return }
        let registering = TreeRegistering(settings: settings, session: session, logger: logger)
        registrationEpoch = try await registering.takePlace(registration, isWhole: isWhole)
    }

    // MARK: - At work

    /// Works until `close` comes, or until the broker has lost its place for good. What is asked for later is not
    /// answered.
    mutating func run() async {
        if settings.leadership.isRebalanced { rebalanceLater(in: Self.firstRebalanceDelay) }
        while !hasEnded {
            await take(await inbox.take())
            await keepUp()
            // A coordinator that does not answer must not keep the broker from stopping.
            endLeaving()
        }
        for input in inbox.takeNow() { refuse(input) }
        leaving?.then()
        await leave()
    }

    /// Changes that can be made at once and stand next to each other are.
    private mutating func take(_ inputs: [TreeInput]) async {
        var together: [WantedChange] = []
        for input in inputs {
            if hasEnded {
                refuse(input)
            } else if case .change(let change, let then) = input, change.isMadeWithOthers {
                together.append(WantedChange(change: change, then: then))
            } else {
                await perform(together)
                together = []
                await take(input)
            }
        }
        await perform(together)
    }

    private struct WantedChange {
        var change: TreeChange
        var then: @Sendable (TreeOutcome) -> Void
    }

    private mutating func perform(_ changes: [WantedChange]) async {
        guard !changes.isEmpty else { return }
        let overtaken = TreeOutcome.refused(ChangeRefusal(.invalidUpdateVersion))
        let outcomes = await changing.performOnce(changes.map(\.change), on: following.image, tree)
        for (one, outcome) in zip(changes, outcomes) {
            if outcome == overtaken, one.change.isTriedAgain {
                one.then(await changing.perform(one.change, &following, tree))
            } else {
                one.then(outcome)
            }
        }
    }

    private mutating func take(_ input: TreeInput) async {
        switch input {
        case .event(let event, sessionNumber):
            switch event {
            case .changed(let change): following.note(change)
            case .connected: following.noteGap()
            case .disconnected: break
            case .expired, .notAuthenticated: await startOver()
            }
        case .event: break
        case .change(let change, let then): then(await changing.perform(change, &following, tree))
        case .allocateProducerIDs(let then):
            then(await changing.allocateProducerIDs(ofCluster: clusterID, tree))
        case .accuse(let broker, let epoch): await accuse(broker, epoch)
        case .leave(let latest, let then): await leave(latest: latest, then)
        case .offline(let replicas):
            registration?.offlineReplicas = replicas
            isMarkDue = true
            await markRegistration()
        case .retry:
            isRetryAhead = false
            await markRegistration()
        case .readAgain:
            isReadingAhead = false
            following.noteGap()
            current = nil
        case .rebalance: await rebalance()
        case .close: hasEnded = true
        }
    }

    private mutating func rebalance() async {
        do throws(CoordinatorError) {
            try await controller.rebalance(following.image, tree)
        } catch {
            logger.info("leaders stay where they are for now: \(error)")
        }
        rebalanceLater(in: settings.leadership.imbalanceCheckInterval)
    }

    private func rebalanceLater(in delay: Duration) {
        group.any().scheduleTask(in: TimeAmount(delay)) { [inbox] in inbox.post(.rebalance) }
    }

    private func refuse(_ input: TreeInput) {
        switch input {
        case .change(_, let then): then(.unavailable)
        case .allocateProducerIDs(let then): then(nil)
        case .leave(_, let then): then()
        case .event, .accuse, .offline, .retry, .readAgain, .rebalance, .close: break
        }
    }

    /// A dead broker's registration goes, and the controller's office if it held it. Whoever accuses goes on accusing
    /// while the registration is there, so a failure is left to the next time.
    private func accuse(_ broker: BrokerID, _ epoch: Int64) async {
        guard following.image.brokers[broker]?.epoch == epoch else { return }
        do {
            guard let stat = try await tree.stat(TreePath.broker(broker)), stat.czxid == epoch else { return }
            let removals = try await tree.removals(of: broker, ofSession: stat.ephemeralOwner)
            try await tree.perform(TreeTransaction(removals))
            logger.warning("broker \(broker) is dead: its process has ended, and its session had not yet")
        } catch {
            logger.info("the registration of broker \(broker), which seems dead, is left: \(error)")
        }
    }

    private mutating func keepUp() async {
        guard !hasEnded else { return }
        do {
            try await follow()
        } catch .unreachable(.refused(let error, _)) {
            logger.error("the coordination tree cannot be followed: \(error)")
            readAgainLater()
        } catch .unreachable {
            // The next connection, or the next session, starts with a reading of everything.
            current = nil
        } catch {
            lose(error)
        }
    }

    /// Reads what has changed, publishes it, and decides on it as far as this broker is the controller.
    private mutating func follow() async throws(TreeFailure) {
        do {
            if following.isBehind { try await following.catchUp(with: tree) }
            let isNew = following.image != current
            guard isNew || isUndecided else { return }
            if isNew {
                try await keepPlace()
                current = following.image
                onImage(following.image)
            }
            isUndecided = true
            isUndecided = try await !controller.act(on: following, with: tree, at: clock.now().unixMilliseconds)
            if isUndecided { retryLater() }
        } catch {
            throw TreeFailure(error)
        }
    }

    /// A registration that was deleted, though its session lives, is made again.
    private mutating func keepPlace() async throws {
        guard following.image.brokers[settings.broker]?.epoch != registrationEpoch else { return }
        if let other = following.image.brokers[settings.broker] {
            throw TreeFailure.replaced(settings.broker, by: other.place)
        }
        logger.warning("the registration of broker \(settings.broker) is gone from the coordination tree")
        try await takePlace()
        following.noteGap()
        try await following.catchUp(with: tree)
    }

    /// Says in the registration which replicas the broker cannot serve, so that the controller has others lead them.
    private mutating func markRegistration() async {
        guard isMarkDue, let registration, registrationEpoch >= 0 else { return }
        let text = registration.text(at: clock.now().unixMilliseconds)
        do {
            try await tree.perform(
                TreeTransaction([.set(path: TreePath.broker(settings.broker), data: text, version: -1)]))
            isMarkDue = false
        } catch {
            logger.warning("that replicas are offline could not be said, and will be tried again: \(error)")
            retryLater()
        }
    }

    private mutating func lose(_ failure: TreeFailure) {
        hasEnded = true
        onLost(failure.description)
    }

    private mutating func retryLater() {
        if isRetryAhead { return }
        isRetryAhead = true
        group.any().scheduleTask(in: TimeAmount(Self.retryDelay)) { [inbox] in inbox.post(.retry) }
    }

    private mutating func readAgainLater() {
        if isReadingAhead { return }
        isReadingAhead = true
        group.any().scheduleTask(in: TimeAmount(Self.retryDelay)) { [inbox] in inbox.post(.readAgain) }
    }

    // MARK: - Leaving

    /// Marks the registration, so that the controller has others lead what this broker leads.
    private mutating func leave(latest: Instant, _ then: @escaping @Sendable () -> Void) async {
        guard var marked = registration else { return then() }
        marked.isShuttingDown = true
        registration = marked
        let text = marked.text(at: clock.now().unixMilliseconds)
        do {
            try await tree.perform(
                TreeTransaction([.set(path: TreePath.broker(settings.broker), data: text, version: -1)]))
        } catch {
            logger.warning("the broker stops without others to lead what it leads: \(error)")
            return then()
        }
        leaving = (latest, then)
        group.any().scheduleTask(in: TimeAmount(latest - clock.now())) { [inbox] in inbox.post(.retry) }
    }

    private mutating func endLeaving() {
        guard let (latest, then) = leaving else { return }
        let isRelieved =
            following.image.brokers[settings.broker]?.isShuttingDown == true
            && following.image.isRelieved(settings.broker)
        guard isRelieved || clock.now() >= latest else { return }
        if !isRelieved { logger.warning("the broker stops while others wait for what it leads") }
        leaving = nil
        then()
    }

    // MARK: - After an expiry

    /// A new session, with a registration of its own.
    private mutating func startOver() async {
        controller.resign()
        following.noteNewSession()
        current = nil
        while !hasEnded {
            do {
                try await openSession()
                return try await takePlace()
            } catch .unreachable(let error) {
                logger.warning("no new session with the coordinator yet: \(error)")
                await session.close()
                if case .notAuthenticated = error { await pause() }
                for input in inbox.takeNow() {
                    if case .close = input { hasEnded = true }
                    refuse(input)
                }
            } catch {
                lose(error)
            }
        }
    }

    private mutating func pause() async {
        do { try await Task.sleep(for: Self.retryDelay) } catch { hasEnded = true }
    }

    private mutating func openSession() async throws(TreeFailure) {
        sessionNumber += 1
        var coordinator = settings.coordinator
        // Between two attempts is the time to see whether the broker is being closed.
        coordinator.connectionTimeout = min(coordinator.connectionTimeout, .seconds(2))
        session = CoordinatorSession(coordinator, on: group, logger: logger) { [inbox, sessionNumber] event in
            inbox.post(.event(event, session: sessionNumber))
        }
        do {
            try await session.start()
            let found = try await Self.clusterID(tree)
            guard found == clusterID else { throw TreeFailure.otherCluster(expected: clusterID, found: found) }
        } catch {
            throw TreeFailure(error)
        }
    }
}
