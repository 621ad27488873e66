import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Synchronization

/// The homes that a failover takes topics from, where they keep leases: until one has run out, or its leaders say that they
/// do not write any more, the topic has no new home.
///
/// A lease runs from when this process has seen that the promotion has begun: nobody renews it after that.
final class OldHomes: Sendable {
    /// A topic with a lease, as the target has it.
    struct Leased: Sendable {
        var partitions: Int32
        var lease: Duration
    }

    private struct State {
        /// When leases of topics end whose promotion has begun, and in which epoch their new home will be.
        var ends: [String: (moment: ContinuousClock.Instant, homeEpoch: Int32)] = [:]
        /// Topics whose old home is known not to be written any more.
        var closed: Set<String> = []
    }

    private static let pause = Duration.milliseconds(100)

    private let topics: [String: Leased]
    private let source: Administrator
    private let targetID: String
    private let link: String
    private let state = Mutex(State())

    init(_ topics: [String: Leased], source: Administrator, targetID: String, link: String) {
        self.topics = topics
        self.source = source
        self.targetID = targetID
        self.link = link
    }

    /// How long there may be something to wait for.
    var longest: Duration { topics.values.map(\.lease).max() ?? .zero }

    /// Those of topics that are being promoted, with the epochs of the new homes, of which the old home may be written.
    func stillWritten(_ promoted: [String: Int32]) -> Set<String> {
        let now = ContinuousClock.now
        return state.withLock { state in
            var written: Set<String> = []
            for (name, homeEpoch) in promoted {
                guard let topic = topics[name], !state.closed.contains(name) else { continue }
                let end = state.ends[name]?.moment ?? now + topic.lease
                state.ends[name] = (end, homeEpoch)
                if now < end { written.insert(name) }
            }
            return written
        }
    }

    /// Fences old homes as far as they can be told, until it is cancelled: then their leases are not waited for.
    func close() async {
        while !Task.isCancelled, !topics.isEmpty {
            let open = state.withLock { state in
                state.ends.filter { !state.closed.contains($0.key) }.mapValues(\.homeEpoch)
            }
            do {
                if !open.isEmpty { try await close(open) }
                try await Task.sleep(for: Self.pause)
            } catch is CancellationError {
                return
            } catch {
                // Whoever is not reached is waited for.
                source.client.logger.debug("\(link): the old home is not told: \(error)")
            }
        }
    }

    /// - Parameter homeEpochs: of topics in their new homes.
    private func close(_ homeEpochs: [String: Int32]) async throws {
        let names = homeEpochs.keys.sorted()
        let changes = names.compactMap { name in
            homeEpochs[name].map { Administrator.MirrorChange.fence(name, homeEpoch: $0, newHome: targetID) }
        }
        try await source.require(changes, link: link)
        // The tree knows it; leaders that cannot reach it do not.
        let partitions = [TopicPartition](of: names.map { ($0, topics[$0]?.partitions ?? 0) })
        let standings = try await source.describeMirrors(partitions)
        let written = Set(partitions.filter { standings[$0]?.state != .fenced }.map(\.topic))
        state.withLock { $0.closed.formUnion(names.filter { !written.contains($0) }) }
    }
}
