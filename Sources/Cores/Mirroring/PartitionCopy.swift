import ClusterModel
import Records

/// The copying of one partition: from where to read, under which sequence to write, and what was acknowledged.
///
///     locating ──targetStands──▶ copying ◀──────────────┐
///        ▲  └──────────────────▶ searching ──passed──────┘
///        └──────────── failed (from any) ───────────────┘
///
/// Where to go on is always derived from the target itself, whose last batch tells the producer, its sequence and, by
/// its bytes, the source batch it is a copy of. So a copy that was interrupted at any point goes on under the *same*
/// producer id with the next sequence, and what an earlier life still had under way is refused by the target as a
/// duplicate instead of being written twice.
package struct PartitionCopy: Sendable {
    package enum State: Sendable, Equatable {
        /// The target has to be asked where it stands.
        case locating
        /// Reading the source from a known place for the batch that stands last at the target.
        case searching
        case copying
    }

    /// What to do with a batch of the source.
    package enum Treatment: Sendable, Equatable {
        /// Copied before, or a marker of the source's transactions.
        case skip
        /// Send its bytes under a new header.
        case forward
        /// Decode it and send its records as a new batch: its format is old, or it carries what brokers take from
        /// nobody: the holes and horizons of compaction, append times.
        case encodeAnew
    }

    /// Where the target stands.
    package struct TargetEnd: Sendable {
        package var offset: Offset
        /// nil when the target holds no records.
        package var last: (header: RecordBatchHeader, mark: BatchMark)?

        package init(offset: Offset, last: (header: RecordBatchHeader, mark: BatchMark)?) {
            self.offset = offset
            self.last = last
        }
    }

    private struct UnderWay: Sendable {
        var source: Offset
        var sourceEnd: Offset
        var count: Int32
    }

    package private(set) var state = State.locating
    /// The source offset to fetch next.
    package private(set) var nextOffset: Offset = 0
    /// Up to where the target has acknowledged, from this life or an earlier one.
    package private(set) var acknowledged: MirroredPosition?
    /// nil until a producer id is needed and given.
    package private(set) var producer: ProducerPosition?
    package private(set) var offsets = OffsetMap()
    private var search: RestartSearch?
    private var needsNewProducer = false
    private var underWay: [UnderWay] = []
    /// How many of `underWay` have been acknowledged; they are removed many at a time.
    private var answered = 0

    /// - Parameter stored: the position an earlier life wrote down.
    package init(stored: MirroredPosition?) { acknowledged = stored }

    /// The target has been asked. `source` is where the source's log begins and ends now.
    package mutating func targetStands(at target: TargetEnd, source: ClosedRange<Offset>) {
        precondition(state == .locating, "the target was located while \(state)")
        underWay = []
        answered = 0
        producer = target.last.flatMap { last in
            guard last.header.hasProducerID, last.header.baseSequence >= 0, !needsNewProducer else { return nil }
            var position = ProducerPosition(
                id: last.header.producerID, epoch: last.header.producerEpoch, nextSequence: last.header.baseSequence)
            position.advance(by: last.header.lastOffsetDelta + 1)
            return position
        }
        if let before = acknowledged, before.source > source.upperBound {
            // The source lost its end or began anew: from its beginning, whatever was copied before.
            producer = nil
            begin(at: MirroredPosition(source: source.lowerBound, target: target.offset))
            return
        }
        let known = max(acknowledged?.source ?? source.lowerBound, source.lowerBound)
        nextOffset = known
        let isWhereWeLeft = acknowledged?.target == target.offset
        guard let last = target.last, !isWhereWeLeft, known < source.upperBound else {
            if !isWhereWeLeft { producer = nil }
            begin(at: MirroredPosition(source: known, target: target.offset))
            return
        }
        // What was never written down began at both beginnings, if it was ours.
        let before = acknowledged ?? MirroredPosition(source: known, target: 0)
        search = RestartSearch(
            for: last.mark, from: known, sourceEnd: source.upperBound,
            expectedCount: before.source == known ? target.offset - before.target : nil)
        acknowledged = MirroredPosition(source: known, target: target.offset)
        state = .searching
    }

    /// While searching: the source's next batch, when it is one to copy (others are ``skipped(_:)``). Returns whether the search has ended, and if so, whether exactly.
    package mutating func passed(_ mark: BatchMark, header: RecordBatchHeader) -> RestartSearch.Outcome {
        guard var search, state == .searching else { preconditionFailure("a batch was passed while \(state)") }
        nextOffset = header.nextOffset
        let outcome = search.pass(mark, nextOffset: header.nextOffset)
        self.search = search
        end(outcome)
        return outcome
    }

    /// While searching: the source has no more to show.
    package mutating func passedAll() -> RestartSearch.Outcome {
        guard let search, state == .searching else { preconditionFailure("all was passed while \(state)") }
        let outcome = search.finish()
        end(outcome)
        return outcome
    }

    private mutating func end(_ outcome: RestartSearch.Outcome) {
        guard case .found(let offset, let isExact) = outcome, let target = acknowledged?.target else { return }
        // The sequences of a batch that is no copy of ours belong to somebody who still uses them.
        if !isExact { producer = nil }
        begin(at: MirroredPosition(source: offset, target: target))
    }

    private mutating func begin(at position: MirroredPosition) {
        nextOffset = position.source
        acknowledged = position
        offsets = OffsetMap(at: position)
        search = nil
        state = .copying
    }

    /// What to do with the source's next batch. Nothing is noted before ``sent(_:count:)``.
    package func treatment(of header: RecordBatchHeader) -> Treatment {
        if header.magic < 2 { return header.lastOffset < nextOffset ? .skip : .encodeAnew }
        if header.lastOffset < nextOffset || header.attributes.isControl || header.recordCount == 0 { return .skip }
        let isAsProduced =
            header.recordCount == header.lastOffsetDelta + 1 && header.attributes.timestampType == .createTime
            && !header.attributes.hasDeleteHorizon
        return isAsProduced ? .forward : .encodeAnew
    }

    /// A batch was skipped.
    package mutating func skipped(_ header: RecordBatchHeader) {
        nextOffset = max(nextOffset, header.nextOffset)
    }

    /// A producer id for a target that told none.
    /// - Parameter continues: whether others may begin with it too, who must then begin alike: its sequences are the
    ///   target's offsets, and the target takes what two of them send once.
    package mutating func use(_ id: ProducerID, epoch: Int16, continues: Bool = false) {
        let end = continues ? acknowledged?.target ?? 0 : 0
        producer = ProducerPosition(id: id, epoch: epoch, nextSequence: Int32(end % (Offset(Int32.max) + 1)))
    }

    /// The batch of the source's records `source` goes out as `count` records. Returns under which producer and
    /// sequence; ``use(_:epoch:)`` has been called when there was none.
    package mutating func sent(_ source: Range<Offset>, count: Int32) -> ProducerPosition {
        guard let position = producer, state == .copying else {
            preconditionFailure("sending \(source) while \(state), producer \(String(describing: producer))")
        }
        producer?.advance(by: count)
        nextOffset = source.upperBound
        underWay.append(UnderWay(source: source.lowerBound, sourceEnd: source.upperBound, count: count))
        return position
    }

    /// Batches sent and not yet acknowledged.
    private var underWayCount: Int { underWay.count - answered }

    /// Whether nothing is under way.
    package var isQuiet: Bool { underWayCount == 0 }

    /// The target has the batch sent first of those under way.
    /// - Parameter offset: of its first record; nil when the target only says that it has it.
    /// - Returns: an offset sync worth writing: a run of equally counting offsets began.
    package mutating func acknowledge(at offset: Offset?) -> MirroredPosition? {
        precondition(underWayCount > 0, "an acknowledgement with nothing under way at \(nextOffset)")
        let batch = underWay[answered]
        answered += 1
        if answered * 2 > underWay.count {
            underWay.removeFirst(answered)
            answered = 0
        }
        let target = offset ?? acknowledged?.target ?? 0
        acknowledged = MirroredPosition(source: batch.sourceEnd, target: target + Offset(batch.count))
        let isNewRun = offsets.add(
            source: batch.source, sourceEnd: batch.sourceEnd, target: target, count: batch.count)
        return isNewRun ? MirroredPosition(source: batch.source, target: target) : nil
    }

    /// Up to where the target has all of the source that it will get; nil while that is looked for.
    package var settled: Offset? {
        guard state == .copying else { return nil }
        return underWayCount == 0 ? nextOffset : acknowledged?.source
    }

    /// Something went wrong at either side: all that is under way is in doubt, and the target has to be asked again.
    /// - Parameter losesSequence: the target does not go on with the sequences of the producer it holds.
    package mutating func failed(losesSequence: Bool = false) {
        state = .locating
        needsNewProducer = losesSequence
        underWay = []
        answered = 0
        search = nil
    }
}
