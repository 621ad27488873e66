import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore

/// One partition in the hands of a link that mirrors exactly.
struct ExactEntry {
    /// The mirror topic, as it was told when both sides were last asked.
    struct Mirror: Sendable, Equatable {
        var topicID: KafkaUUID
        var homeEpoch: Int32
    }

    /// How much of one partition a fetch brings when there is more behind it.
    private static let fullFetchInBytes = Int(ExactPump.mostBytesOfPartition) / 2

    var partition = ExactPartition()
    /// The broker of the source that leads it.
    var leader: BrokerID?
    /// nil until it was located.
    var mirror: Mirror?
    /// Another one after every interruption: answers to what was sent before one are not looked at.
    private(set) var generation: Int
    var backoff = Backoff()
    /// When it began to be mirrored here.
    let begunAt = ContinuousClock.now
    var recoveryPoint = RecoveryPoint()
    var tally = CopyTally()
    /// Interrupted, and nothing has succeeded since.
    var isTroubled = false
    /// Somebody else is to bring it: it is not read any more.
    var isRetiring = false
    /// A question how it stands is under way.
    var isAsked = false
    /// Where it is read; nil until it is read from where it stands.
    var ahead: ReadAhead<ByteBuffer>?
    /// The number of the claim that read it last.
    var lastClaim = 0
    /// Up to where the source's leader was told that the target has it; another leader knows nothing.
    var told: Offset = -1
    /// What the source's leader answered to that last; nil before it was told anything.
    var synchrony: Synchrony?
    /// What is to be sent, in order.
    var outbox: [ExactPartition.Append] = []
    /// Somebody sends what was in the outbox, and has to look there again afterwards: so nothing overtakes.
    var isSending = false

    /// - Parameter generation: one that no partition of the table ever had.
    init(leader: BrokerID?, generation: Int) {
        self.leader = leader
        self.generation = generation
    }

    func isDue(_ now: ContinuousClock.Instant) -> Bool { !isAsked && backoff.isDue(now) }

    /// How old its recovery point is; before it has one, how long that is waited for.
    func age(at now: ContinuousClock.Instant) -> Duration { now - (recoveryPoint.moment ?? begunAt) }

    /// Something went wrong: both sides are asked anew after a pause.
    mutating func interrupt(now: ContinuousClock.Instant, generation: Int) {
        partition.interrupted()
        recoveryPoint.interrupted()
        ahead = nil
        told = -1
        self.generation = generation
        isTroubled = true
        backoff.failed(now)
    }

    /// Takes what a fetch at `offset` gave. Returns what is to be sent, in order.
    mutating func take(
        _ answer: RawFetch.Partition, at offset: Offset
    ) throws(ExactPartition.Unmirrorable) -> [ExactPartition.Append] {
        let batches = try ExactPartition.batches(in: answer.records, from: offset)
        var ready =
            ahead?.take(
                answer.records, at: offset, next: batches.end, sizeInBytes: answer.records.readableBytes,
                longestBatchInBytes: batches.longestInBytes,
                isFull: answer.records.readableBytes >= Self.fullFetchInBytes) ?? []
        // Also what brings nothing tells where the source begins and ends.
        if batches.end == offset { ready.append(ByteBuffer()) }
        var appends: [ExactPartition.Append] = []
        for bytes in ready where partition.state == .copying {
            let append = try partition.take(bytes, logStart: answer.logStart, highWatermark: answer.highWatermark)
            if let append { appends.append(append) }
        }
        let now = appends.isEmpty ? 0 : WallClock.unixMilliseconds()
        for index in appends.indices { appends[index].load.readAtUnixMilliseconds = now }
        return appends
    }
}
