import ClusterModel
import Records

/// The copying of one partition: from where to read, under which sequence to write, and what was acknowledged.
///
///     locating ──targetStands──▶ copying ◀──────────────┐
///        ▲  └──────────────────▶ searching ──passed──────┤
///        │  └──────────────────▶ found ──────recorded────┘
///        └──────────── failed (from any) ───────────────┘
///
/// A target that holds records of which nothing is written down, and that the source has not, ends in `blocked`; a gap
/// that is found rests when the policy is to stop.
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
        /// What stands at the target came from somewhere else: nothing is written there.
        case blocked
        /// The source has lost records, which is to be written down before anything else.
        case found(MirrorGap)
        /// Nothing is copied behind a gap that is written down.
        case resting(MirrorGap)

        /// For figures.
        package var name: String {
            switch self {
            case .locating: "locating"
            case .searching: "searching"
            case .copying: "copying"
            case .blocked: "blocked"
            case .found: "gap"
            case .resting: "resting"
            }
        }

        package var gap: MirrorGap? {
            switch self {
            case .found(let gap), .resting(let gap): gap
            case .locating, .searching, .copying, .blocked: nil
            }
        }
    }

    /// What to do with a batch of the source.
    package enum Treatment: Sendable, Equatable {
        /// Copied before, or a marker of the source's transactions.
        case skip
        /// Send its bytes under a new header.
        case forward
        /// Decode it and send its records as a new batch: its format is old, or it carries what brokers take from
        /// nobody: the holes and horizons of compaction, append times; or copying begins inside it.
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
    /// Where the search began, or copying goes on behind a gap, at both sides.
    private var beginning = MirroredPosition(source: 0, target: 0)
    /// Of the source's topic of which copies stand at the target, and as it was told last; zero when nobody tells it.
    package private(set) var topicID = KafkaUUID.zero
    private var currentID = KafkaUUID.zero
    private var needsNewProducer = false
    private var underWay: [UnderWay] = []
    /// How many of `underWay` have been acknowledged; they are removed many at a time.
    private var answered = 0

    /// - Parameter stored: the position an earlier life wrote down.
    package init(stored: WrittenPosition?) {
        guard let stored else { return }
        acknowledged = stored.position
        topicID = stored.topicID
        offsets = OffsetMap(at: stored.position, after: stored.runs)
    }

    /// The target has been asked. `source` is where the source's log begins and ends now, `id` its topic's id.
    package mutating func targetStands(
        at target: TargetEnd, source: ClosedRange<Offset>, id: KafkaUUID = .zero
    ) {
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
        currentID = id
        beginning = MirroredPosition(source: source.lowerBound, target: target.offset)
        if let before = acknowledged, let gap = gap(behind: before, target.offset, source) {
            state = .found(gap)
            return
        }
        let known = max(acknowledged?.source ?? source.lowerBound, source.lowerBound)
        nextOffset = known
        let isWhereWeLeft = acknowledged?.target == target.offset
        if acknowledged == nil, target.last != nil, source.upperBound == 0 {
            state = .blocked
            return
        }
        guard let last = target.last, !isWhereWeLeft, known < source.upperBound else {
            if !isWhereWeLeft { producer = nil }
            begin(at: MirroredPosition(source: known, target: target.offset))
            return
        }
        // What was never written down began at both beginnings, if it was ours.
        let before = acknowledged ?? MirroredPosition(source: known, target: 0)
        beginning = MirroredPosition(source: known, target: target.offset)
        search = RestartSearch(
            for: last.mark, sourceEnd: source.upperBound,
            expectedCount: before.source == known ? target.offset - before.target : nil)
        state = .searching
    }

    /// What the source has lost of what was copied up to there, or of what was to be copied behind it.
    private func gap(
        behind before: MirroredPosition, _ targetEnd: Offset, _ source: ClosedRange<Offset>
    ) -> MirrorGap? {
        if isOfAnother(than: currentID) {
            return before.source > 0 ? MirrorGap(.recreated, 0..<before.source) : nil
        }
        if before.source > source.upperBound {
            return MirrorGap(.truncated, source.upperBound..<before.source)
        }
        // What was copied and not written down is looked for first.
        guard before.source < source.lowerBound, before.target == targetEnd else { return nil }
        return MirrorGap(.overtaken, before.source..<source.lowerBound)
    }

    /// A gap is in the ledger now.
    /// - Parameter policy: unless it is to stop, copying goes on where the source begins: what it has is never missed.
    package mutating func recorded(under policy: GapPolicy) {
        guard case .found(let gap) = state else { preconditionFailure("a gap was recorded while \(state)") }
        guard policy != .stop else {
            state = .resting(gap)
            return
        }
        producer = nil
        if gap.kind != .overtaken { offsets = OffsetMap() }
        begin(at: beginning)
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
        switch outcome {
        case .goOn: break
        case .found(let offset, let isExact):
            // The sequences of a batch that is no copy of ours belong to somebody who still uses them.
            if !isExact { producer = nil }
            begin(at: MirroredPosition(source: offset, target: beginning.target))
        case .absent where acknowledged == nil:
            search = nil
            state = .blocked
        case .absent:
            // Somebody else has written there since, or the source has lost it: nothing that it has is skipped.
            producer = nil
            if let before = acknowledged, before.source < beginning.source {
                search = nil
                state = .found(MirrorGap(.overtaken, before.source..<beginning.source))
            } else {
                begin(at: beginning)
            }
        }
    }

    private mutating func begin(at position: MirroredPosition) {
        nextOffset = position.source
        acknowledged = position
        topicID = currentID
        offsets.goOn(at: position)
        search = nil
        state = .copying
    }

    /// What to do with the source's next batch. Nothing is noted before ``sent(_:count:)``.
    package func treatment(of header: RecordBatchHeader) -> Treatment {
        if header.magic < 2 { return header.lastOffset < nextOffset ? .skip : .encodeAnew }
        if header.lastOffset < nextOffset || header.attributes.isControl || header.recordCount == 0 { return .skip }
        let isAsProduced =
            header.baseOffset >= nextOffset && header.recordCount == header.lastOffsetDelta + 1
            && header.attributes.timestampType == .createTime && !header.attributes.hasDeleteHorizon
        return isAsProduced ? .forward : .encodeAnew
    }

    /// A batch was skipped.
    package mutating func skipped(_ header: RecordBatchHeader) {
        nextOffset = max(nextOffset, header.nextOffset)
        guard state == .copying, underWayCount == 0, let target = acknowledged?.target else { return }
        // What the source loses of it is not missed.
        acknowledged = MirroredPosition(source: nextOffset, target: target)
    }

    /// Whether the source is read.
    package var isRead: Bool { state == .copying || state == .searching }

    /// Whether what was copied is of another topic than the one with that id; false when that is not known.
    package func isOfAnother(than id: KafkaUUID) -> Bool { id != .zero && topicID != .zero && id != topicID }

    /// As it is to be written down; nil when that would not say more than what is.
    package var written: WrittenPosition? {
        guard state == .copying, let position = acknowledged else { return nil }
        return WrittenPosition(position, topicID: topicID, runs: offsets.runs)
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
