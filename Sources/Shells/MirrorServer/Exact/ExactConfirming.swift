import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import MartletClient
import Mirroring

/// Tells one broker of the source how far the target has committed what that broker leads of synchronous topics, as soon
/// as the target says so; its answers to acks=all wait for that.
///
/// All is told again every second: a leader that was started anew knows nothing, and a message may be lost. As often the
/// target is asked, for topics of every kind, whether it has what it could not commit in time: a new leader may lack it.
struct ExactConfirming: Sendable {
    private static let interval = Duration.seconds(1)

    let broker: BrokerID
    let link: String
    let source: KafkaClient
    let target: KafkaClient
    let table: ExactTable
    let health: LinkHealth
    let bell: Bell

    /// Works until it is cancelled.
    func run() async {
        var nextRound = ContinuousClock.now
        while !Task.isCancelled {
            let isRound = ContinuousClock.now >= nextRound
            if isRound { nextRound = .now + Self.interval }
            do {
                try await tell(includesKnown: isRound)
            } catch {
                if Task.isCancelled { return }
                health.failed("confirmations to broker \(broker)", "\(error)")
            }
            await bell.wait(atMost: max(.zero, nextRound - .now))
        }
    }

    private func tell(includesKnown: Bool) async throws {
        if includesKnown { try await askTarget() }
        try await tell(table.confirmations(for: broker, includesKnown: includesKnown))
        health.recovered("confirmations to broker \(broker)")
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

    private func tell(_ confirmations: [ExactTable.Confirmation]) async throws {
        guard !confirmations.isEmpty else { return }
        var request = MirrorConfirmRequest()
        request.linkName = link
        for confirmation in confirmations {
            if request.topics.last?.topicId != confirmation.mirror.topicID {
                var topic = MirrorConfirmRequest.ConfirmedTopic()
                topic.topicId = confirmation.mirror.topicID
                request.topics.append(topic)
            }
            var entry = MirrorConfirmRequest.ConfirmedPartition()
            entry.index = confirmation.partition.partition
            entry.homeEpoch = confirmation.mirror.homeEpoch
            entry.leaderEpoch = confirmation.leaderEpoch
            entry.confirmedOffset = confirmation.end
            request.topics[request.topics.count - 1].partitions.append(entry)
        }
        let answers = try await source.send(request, to: .broker(broker)).topics.flatMap(\.partitions)
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
    }
}
