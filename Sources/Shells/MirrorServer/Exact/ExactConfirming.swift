import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import MartletClient
import Mirroring
import Seams

/// Tells one broker of the source how far the target has committed what that broker leads of synchronous topics, as soon
/// as the target says so, for its answers to acks=all wait for that; and of leased topics, that the target says that the
/// home has not moved, without which the broker takes no records.
///
/// All is told again every second or oftener: a leader that was started anew knows nothing, and a message may be lost. As
/// often the target is asked, for topics of every kind, whether it has what it could not commit in time: a new leader may
/// lack it.
struct ExactConfirming: Sendable {
    private static let longestInterval = Duration.seconds(1)
    private static let affirmedAtOnce = 1_000

    /// A moment of the source's broker, as it has named it: of leases only what comes after it counts.
    private struct Moment {
        var brokerEpoch: Int64
        var nanoseconds: Int64
    }

    let broker: BrokerID
    let settings: LinkSettings
    let source: KafkaClient
    let target: KafkaClient
    let table: ExactTable
    let health: LinkHealth
    let bell: Bell

    private var interval: Duration { min(Self.longestInterval, settings.homeLease.map { $0 / 4 } ?? .seconds(1)) }

    /// Works until it is cancelled.
    func run() async {
        var nextRound = ContinuousClock.now
        var moment: Moment?
        while !Task.isCancelled {
            let isRound = ContinuousClock.now >= nextRound
            if isRound { nextRound = .now + interval }
            do {
                if isRound {
                    let hadMoment = moment != nil
                    moment = try await tellAll(since: moment)
                    // The first lease is not waited for.
                    if !hadMoment, moment != nil { nextRound = .now }
                } else {
                    _ = try await tell(table.confirmations(for: broker, includesKnown: false))
                }
                health.recovered("confirmations to broker \(broker)")
            } catch {
                if Task.isCancelled { return }
                health.failed("confirmations to broker \(broker)", "\(error)")
            }
            await bell.wait(atMost: max(.zero, nextRound - .now))
        }
    }

    /// - Parameter moment: one of the broker's that lies before the target is asked; nil when there is none.
    /// - Returns: the next one; nil when the broker does not lead anything that needs to be told.
    private func tellAll(since moment: Moment?) async throws -> Moment? {
        try await askTarget()
        let affirmed = try await affirmed()
        return try await tell(table.confirmations(for: broker, includesKnown: true), affirmed, since: moment)
    }

    /// What was appended and could not be committed in time may be committed since.
    private func askTarget() async throws {
        let awaiting = table.awaitingCommit(for: broker)
        guard !awaiting.isEmpty else { return }
        let standings = try await Administrator(target).describeMirrors(awaiting.map(\.partition))
        for awaited in awaiting {
            guard let stands = standings[awaited.partition] else { continue }
            table.stands(
                awaited,
                ExactPartition.Told(
                    logStart: stands.logStart, end: stands.end, highWatermark: stands.highWatermark))
        }
    }

    /// Topics of which the target's tree says now that they are this link's mirror topics.
    private func affirmed() async throws -> Set<String> {
        let leased = table.leased(from: broker).sorted { $0.key < $1.key }
        guard let lease = settings.homeLease else { return [] }
        var affirmed: Set<String> = []
        var refused: String?
        for start in stride(from: 0, to: leased.count, by: Self.affirmedAtOnce) {
            let changes = leased[start..<min(start + Self.affirmedAtOnce, leased.count)].map { topic, homeEpoch in
                var change = Administrator.MirrorChange(.affirm, topic, homeEpoch: homeEpoch)
                change.settings = [HomeLease.limitKey: "\(lease.milliseconds)"]
                return change
            }
            for (topic, result) in try await Administrator(target).alterMirrors(changes, link: settings.name) {
                switch result {
                case .success: affirmed.insert(topic)
                case .failure(let fault): refused = refused ?? "topic \(topic): \(fault)"
                }
            }
        }
        let part = "leases at broker \(broker)"
        if let refused { health.failed(part, refused) } else { health.recovered(part) }
        return affirmed
    }

    /// - Returns: a moment of the broker's; nil when there was nothing to tell.
    private func tell(
        _ confirmations: [ExactTable.Confirmation], _ affirmed: Set<String> = [], since moment: Moment? = nil
    ) async throws -> Moment? {
        guard !confirmations.isEmpty else { return nil }
        var request = MirrorConfirmRequest()
        request.linkName = settings.name
        if let moment, let lease = settings.homeLease {
            request.brokerEpoch = moment.brokerEpoch
            request.moment = moment.nanoseconds
            request.leaseMs = lease.milliseconds
        }
        for confirmation in confirmations {
            if request.topics.last?.topicId != confirmation.mirror.topicID {
                var topic = MirrorConfirmRequest.ConfirmedTopic()
                topic.topicId = confirmation.mirror.topicID
                topic.isHomeAffirmed = affirmed.contains(confirmation.partition.topic)
                request.topics.append(topic)
            }
            var entry = MirrorConfirmRequest.ConfirmedPartition()
            entry.index = confirmation.partition.partition
            entry.homeEpoch = confirmation.mirror.homeEpoch
            entry.leaderEpoch = confirmation.leaderEpoch
            entry.confirmedOffset = confirmation.end
            request.topics[request.topics.count - 1].partitions.append(entry)
        }
        let response = try await source.send(request, to: .broker(broker))
        let answers = response.topics.flatMap(\.partitions)
        guard answers.count == confirmations.count else {
            throw ClientFault.refused(
                .unknownServerError, "confirmations", "\(answers.count) answers to \(confirmations.count)")
        }
        for (confirmation, answer) in zip(confirmations, answers) {
            switch ErrorCode(rawValue: answer.errorCode) {
            case .none: table.told(confirmation, Synchrony(rawValue: answer.synchrony) ?? .asynchronous)
            case .fencedLeaderEpoch:
                // Of the leader or of the home: either way it is another log that is to be mirrored now.
                table.interrupt(
                    confirmation.partition, generation: confirmation.generation,
                    reason: "confirming: \(answer.errorMessage ?? "the source has another leader")")
            // Reading finds out why, and who is to be told instead.
            default: break
            }
        }
        return Moment(brokerEpoch: response.brokerEpoch, nanoseconds: response.moment)
    }
}

extension ExactTable {
    /// What a leader of the source is to be told.
    struct Confirmation: Sendable {
        var partition: TopicPartition
        var mirror: ExactEntry.Mirror
        /// Under which it was read.
        var leaderEpoch: LeaderEpoch
        /// All before it is committed at the target; -1 where that is not known.
        var end: Offset
        var generation: Int
    }
}
