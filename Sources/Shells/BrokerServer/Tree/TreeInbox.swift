import ClusterModel
import Controller
import CoordinatorClient
import Seams
import Synchronization

/// What waits for the one task that works on the tree.
enum TreeInput: Sendable {
    /// `session` tells which of the sessions that followed one another.
    case event(SessionEvent, session: Int)
    case change(TreeChange, then: @Sendable (TreeOutcome) -> Void)
    case allocateProducerIDs(then: @Sendable (ProducerIDBlock?) -> Void)
    /// The broker that registered in `epoch` is dead.
    case accuse(BrokerID, epoch: Int64)
    /// The broker is about to stop: `then` is called once, when the controller can do no more for it, or when
    /// `latest` has passed.
    case leave(latest: Instant, then: @Sendable () -> Void)
    /// All replicas of the broker that it cannot serve.
    case offline(Set<TopicPartition>)
    /// Decide again on what is known of the tree.
    case retry
    /// Read all of the tree again.
    case readAgain
    /// It is time to see whether leaders are where they should be.
    case rebalance
    case close
}

/// Takes from any thread and hands out all that has come, in order.
final class TreeInbox: Sendable {
    private let inputs = Mutex<[TreeInput]>([])
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init() { (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func post(_ input: TreeInput) {
        inputs.withLock { $0.append(input) }
        ring.yield()
    }

    /// Waits for at least one. For one caller only.
    func take() async -> [TreeInput] {
        for await _ in bell {
            let taken = takeNow()
            if !taken.isEmpty { return taken }
        }
        return []
    }

    /// What has come; perhaps nothing.
    func takeNow() -> [TreeInput] {
        inputs.withLock { inputs in
            defer { inputs = [] }
            return inputs
        }
    }
}
