import ClusterModel
import Controller
import Logging
import NIOCore
import Platform
import Seams
import Synchronization

/// A broker's half that lives in the coordination tree, as the other half sees it: images of the cluster come out,
/// changes go in.
///
/// Starting takes two steps, for the cluster's id must be known before the log directory is opened, and the registration
/// tells clients of ports that must answer.
final class TreeSession: Sendable {
    private enum Phase {
        case connected(TreeMember)
        case registering
        case atWork(Task<Void, Never>)
        case closed
    }

    /// What `/cluster/id` holds.
    let clusterID: String
    private let inbox: TreeInbox
    private let leavingTime: Duration
    private let vigils: PeerVigils?
    private let phase: Mutex<Phase>

    private init(_ member: TreeMember, _ inbox: TreeInbox, _ vigils: PeerVigils?, leavingTime: Duration) {
        clusterID = member.clusterID
        self.inbox = inbox
        self.vigils = vigils
        self.leavingTime = leavingTime
        phase = Mutex(.connected(member))
    }

    /// Opens a session with the coordinator, and reads the cluster's id from the tree or draws one for it.
    ///
    /// - Parameters:
    ///   - onImage: told of each image that differs from the one before, in order. Must not block.
    ///   - onLost: told once when the broker has lost its place in the tree for good: why. It is registered no more, and
    ///     nothing else is told or answered.
    static func connect(
        _ settings: TreeSettings, on group: any EventLoopGroup, logger: Logger,
        onImage: @escaping @Sendable (ClusterImage) -> Void, onLost: @escaping @Sendable (String) -> Void
    ) async throws(TreeFailure) -> TreeSession {
        let inbox = TreeInbox()
        let vigils = settings.peers.map { peers in
            PeerVigils(of: settings.broker, peers) { inbox.post(.accuse($0, epoch: $1)) }
        }
        let member = try await TreeMember.connect(
            settings, inbox: inbox, on: group, logger: logger,
            onImage: { image in
                vigils?.follow(image)
                onImage(image)
            }, onLost: onLost)
        return TreeSession(
            member, inbox, vigils, leavingTime: settings.leadership.controlledShutdownTime)
    }

    /// Registers the broker and goes to work; the first image, with the broker in it, has been told when this returns.
    /// A registration that a killed process left behind is replaced when it names the same log directory, whose lock
    /// this process holds; another one is waited for, as long as a session lives. Called once; on an error the session
    /// is closed.
    /// - Parameter isWhole: whether a partition's log holds all that was ever written to it. The broker leaves the in-sync
    ///   sets of all other partitions first, as far as others are in them (``LostTail``).
    func register(
        _ registration: BrokerRegistration, isWhole: @escaping @Sendable (TopicPartition) -> Bool
    ) async throws(TreeFailure) {
        let taken = phase.withLock { phase -> TreeMember? in
            guard case .connected(let member) = phase else { return nil }
            phase = .registering
            return member
        }
        guard var member = taken else { preconditionFailure("a broker registers once, before it is closed") }
        do {
            try await member.register(registration, isWhole: isWhole)
        } catch {
            phase.withLock { $0 = .closed }
            await member.leave()
            throw error
        }
        let registered = member
        let isWanted = phase.withLock { phase in
            guard case .registering = phase else { return false }
            phase = .atWork(
                Task {
                    var member = registered
                    await member.run()
                })
            return true
        }
        guard isWanted else {
            await registered.leave()
            throw .unreachable(.closed)
        }
    }

    /// Has the tree changed; `then` is called once, on any thread, and must not block.
    func change(_ change: TreeChange, then: @escaping @Sendable (TreeOutcome) -> Void) {
        inbox.post(.change(change, then: then))
    }

    /// Takes a block of producer ids that no other broker has; `then` is called once, on any thread, with nil when the
    /// tree could not give one, and must not block.
    func allocateProducerIDs(then: @escaping @Sendable (Range<ProducerID>?) -> Void) {
        inbox.post(.allocateProducerIDs { block in then(block.map { $0.first..<$0.last + 1 }) })
    }

    /// Tells the controller which replicas of the broker cannot be served, all of them; must not be waited for.
    func tellOffline(_ replicas: [TopicPartition]) { inbox.post(.offline(Set(replicas))) }

    /// Tells the controller that the broker is about to stop, and returns when nobody depends on it any more that could
    /// do without, or when ``LeadershipSettings/controlledShutdownTime`` has passed.
    func leave() async {
        let isAtWork = phase.withLock { phase in if case .atWork = phase { true } else { false } }
        guard isAtWork, leavingTime > .zero else { return }
        let latest = SystemClock().now() + leavingTime
        await withCheckedContinuation { continuation in
            inbox.post(.leave(latest: latest) { continuation.resume() })
        }
    }

    /// Ends the session, so that the registration and the controller's office go at once. Nothing is told afterwards.
    func close() async {
        vigils?.close()
        let before = phase.withLock { phase in
            defer { phase = .closed }
            return phase
        }
        switch before {
        case .connected(let member): await member.leave()
        case .atWork(let task):
            inbox.post(.close)
            await task.value
        case .registering, .closed: break
        }
    }
}
