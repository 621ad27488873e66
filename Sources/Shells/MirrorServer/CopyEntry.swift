import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore
import Records

/// A batch as it goes to the target.
struct OutgoingBatch: Sendable {
    var bytes: ByteBuffer
    var load: CopyLoad
}

/// A producer id to begin a partition with.
struct SpareProducer: Sendable {
    var id: ProducerID = -1
    /// Whether all processes that share the link begin with it.
    var isShared = false
}

/// One partition in the hands of a link: its copy's state, and what the shell keeps beside it.
struct CopyEntry {
    /// How much of one partition a fetch brings when there is more behind it.
    private static let fullFetchInBytes = Int(CopyPump.mostBytesOfPartition) / 2

    let remote: TopicPartition
    var copy: PartitionCopy
    /// The broker of the source that leads it.
    var leader: BrokerID?
    /// Another one after every interruption: answers to what was sent before one are not looked at.
    private(set) var generation: Int
    /// Somebody else is to copy it: it is not read any more.
    var isRetiring = false
    var backoff = Backoff()
    /// Interrupted, and nothing has succeeded since.
    var isTroubled = false
    /// Refusals of sequences since the last success.
    var sequenceRefusals = 0
    /// For a target whose last batch tells no producer.
    var spareProducer = SpareProducer()
    /// Offset syncs to be written.
    var syncs: [MirroredPosition] = []
    /// The positions last written down, and last told as an offset sync.
    var stored: MirroredPosition?
    var synced: MirroredPosition?
    /// The end of what can be copied of the source, as last told; -1 before that.
    var sourceEnd: Offset = -1
    var recoveryPoint = RecoveryPoint()
    var tally = CopyTally()
    /// A question how it stands is under way.
    var isAsked = false
    /// Where it is read; nil until it is read from where it stands.
    var ahead: ReadAhead<RawFetch.Partition>?
    /// The number of the claim that read it last.
    var lastClaim = 0
    /// What is to be sent, in order.
    var outbox: [OutgoingBatch] = []
    /// Somebody sends what was in the outbox, and has to look there again afterwards: so nothing overtakes.
    var isSending = false

    /// - Parameter generation: one that no partition of the table ever had.
    init(remote: TopicPartition, stored: WrittenPosition?, leader: BrokerID?, generation: Int = 0) {
        self.remote = remote
        self.generation = generation
        self.stored = stored?.position
        self.leader = leader
        copy = PartitionCopy(stored: stored)
    }

    func isDue(_ now: ContinuousClock.Instant) -> Bool { !isAsked && backoff.isDue(now) }

    /// The next place to read; nil when it is read in as many already.
    mutating func ask(places: Int) -> Offset? {
        var reading = ahead ?? ReadAhead(at: copy.nextOffset)
        defer { ahead = reading }
        // What is searched for is looked for in order.
        return reading.ask(upTo: sourceEnd, most: copy.state == .searching ? 1 : places)
    }

    /// How many offsets that can be copied of the source the target lacks; nil when that is not known.
    var lag: Offset? {
        guard sourceEnd >= 0, let settled = copy.settled else { return nil }
        return max(0, sourceEnd - settled)
    }

    /// Takes what a fetch at `offset` gave. Returns the batches to send, in order.
    mutating func take(
        _ answer: RawFetch.Partition, at offset: Offset
    ) throws(InvalidRecords) -> [OutgoingBatch] {
        let wasSearching = copy.state == .searching
        let batches = try FetchedBatches(in: answer.records, from: offset)
        var ready =
            ahead?.take(
                answer, at: offset, next: batches.end, sizeInBytes: answer.records.readableBytes,
                longestBatchInBytes: batches.longestInBytes,
                isFull: answer.records.readableBytes >= Self.fullFetchInBytes) ?? []
        // Also what brings nothing tells where the source ends.
        if batches.end == offset { ready.append(answer) }
        var outgoing: [OutgoingBatch] = []
        for one in ready { outgoing += try take(one) }
        // Where it goes on after a search is for the search to say.
        if wasSearching { ahead = nil }
        return outgoing
    }

    /// Takes what is in order. Returns the batches to send, in order.
    mutating func take(_ answer: RawFetch.Partition) throws(InvalidRecords) -> [OutgoingBatch] {
        sourceEnd = answer.lastStableOffset
        recoveryPoint.source(endsAt: sourceEnd, .now)
        defer { settle() }
        let now = answer.records.readableBytes == 0 ? 0 : WallClock.unixMilliseconds()
        var aborted = AbortedTransactions(answer.aborted)
        var batches = RecordBatches(answer.records)
        var outgoing: [OutgoingBatch] = []
        var isEmpty = true
        while copy.isRead, let batch = try batches.next() {
            isEmpty = false
            let isHidden = aborted.hide(batch.header)
            if copy.state == .searching {
                try search(batch, isHidden: isHidden)
                continue
            }
            let treatment = isHidden ? .skip : copy.treatment(of: batch.header)
            switch treatment {
            case .skip: copy.skipped(batch.header)
            case .forward: outgoing.append(forward(batch, of: batch.header, now))
            case .encodeAnew:
                if let anew = try batch.encodedAnew(from: copy.nextOffset) {
                    outgoing.append(forward(anew, of: batch.header, now))
                } else {
                    copy.skipped(batch.header)
                }
            }
        }
        if isEmpty, copy.state == .searching { _ = copy.passedAll() }
        return outgoing
    }

    private mutating func search(_ batch: RecordBatch, isHidden: Bool) throws(InvalidRecords) {
        guard batch.header.lastOffset >= copy.nextOffset else { return }
        switch isHidden ? .skip : copy.treatment(of: batch.header) {
        case .skip: copy.skipped(batch.header)
        case .forward: _ = copy.passed(batch.mark, header: batch.header)
        case .encodeAnew:
            if let anew = try batch.encodedAnew(from: copy.nextOffset) {
                _ = copy.passed(anew.mark, header: batch.header)
            } else {
                copy.skipped(batch.header)
            }
        }
    }

    private mutating func forward(
        _ batch: RecordBatch, of source: RecordBatchHeader, _ unixMilliseconds: Int64
    ) -> OutgoingBatch {
        if copy.producer == nil { copy.use(spareProducer.id, epoch: 0, continues: spareProducer.isShared) }
        let first = max(source.baseOffset, copy.nextOffset)
        batch.take(copy.sent(first..<source.nextOffset, count: batch.header.recordCount))
        var load = CopyLoad()
        load.add(batch.header)
        load.readAtUnixMilliseconds = unixMilliseconds
        return OutgoingBatch(bytes: batch.bytes, load: load)
    }

    private mutating func settle() { if let settled = copy.settled { recoveryPoint.mirror(endsAt: settled) } }

    /// The target has the batch sent first.
    mutating func acknowledged(at offset: Offset, _ load: CopyLoad) {
        tally.took(load, .now, unixMilliseconds: WallClock.unixMilliseconds())
        defer { settle() }
        if let sync = copy.acknowledge(at: offset >= 0 ? offset : nil) { syncs.append(sync) }
        backoff.succeeded()
        sequenceRefusals = 0
    }

    /// Something went wrong: the target is asked anew after a pause.
    mutating func interrupt(_ code: ErrorCode?, now: ContinuousClock.Instant, generation: Int) {
        recoveryPoint.interrupted()
        switch code {
        case .outOfOrderSequenceNumber?: sequenceRefusals += 1
        // What these say of the producer does not change by asking again.
        case .unknownProducerId?, .invalidProducerEpoch?, .invalidProducerIdMapping?: sequenceRefusals += 2
        default: break
        }
        // The first refusal may be due to what an earlier connection still had under way.
        copy.failed(losesSequence: sequenceRefusals > 1)
        ahead = nil
        isAsked = false
        self.generation = generation
        isTroubled = true
        backoff.failed(now)
    }
}
