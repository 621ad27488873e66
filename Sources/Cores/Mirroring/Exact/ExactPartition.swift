import ClusterModel
import NIOCore
import Records

/// The exact mirroring of one partition: whether the target's log is still the beginning of the source's, what to read
/// next, and under which conditions the target may append it.
///
///     locating ──located──▶ copying ──interrupted──▶ locating
///        │ └─────────────▶ emptying ──▶ beginning ──▶ copying        (the target's log begins where the source's does)
///        └──▶ found(gap) ──recorded──▶ resting | emptying | beginning | locating | remaking
///
/// Nothing is kept anywhere: where to go on is the target's log end, and what the mirror appends says which end it
/// expects, so that an append that is repeated, late, or of an earlier life of the mirror changes nothing.
package struct ExactPartition: Sendable {
    package enum State: Sendable, Equatable {
        /// Both sides have to be asked how they stand.
        case locating
        case copying
        /// All that the target has is to be deleted, for what comes next begins beyond its end.
        case emptying
        /// The target's log is empty and is to begin at the source's start.
        case beginning
        /// A gap that is not in the ledger yet.
        case found(MirrorGap)
        /// By its policy the link does nothing about the gap.
        case resting(MirrorGap)
        /// The mirror topic has to be deleted and made anew.
        case remaking(MirrorGap)

        /// What stands in the way; nil for nothing that was lost.
        package var gap: MirrorGap? {
            switch self {
            case .found(let gap), .resting(let gap), .remaking(let gap): gap
            case .locating, .copying, .emptying, .beginning: nil
            }
        }

        /// For figures.
        package var name: String {
            switch self {
            case .locating: "locating"
            case .copying: "copying"
            case .emptying, .beginning: "beginning"
            case .found: "gap_found"
            case .resting: "resting"
            case .remaking: "remaking"
            }
        }
    }

    /// The target's log, as its leader sees it.
    package struct TargetLog: Sendable, Equatable {
        package var topicID: KafkaUUID
        package var start: Offset
        package var end: Offset
        /// Up to where it is committed; -1 when that was not told.
        package var highWatermark: Offset

        package init(topicID: KafkaUUID, start: Offset, end: Offset, highWatermark: Offset = -1) {
            self.topicID = topicID
            self.start = start
            self.end = end
            self.highWatermark = highWatermark
        }
    }

    /// What the source holds in the place of the last batch of the target.
    package enum Tail: Sendable, Equatable {
        /// The same bytes, under this leader epoch.
        case same(LeaderEpoch)
        /// Something else, or nothing any more, from this offset on.
        case different(from: Offset)
        /// Nothing that could be compared: it was deleted or compacted away at either side, or nobody asked.
        case unknown
        /// It is not committed there (again) yet.
        case uncommitted
    }

    /// The source's log, as its leader sees it.
    package struct SourceLog: Sendable, Equatable {
        package var topicID: KafkaUUID
        package var leaderEpoch: LeaderEpoch
        package var start: Offset
        /// Where the first batch begins: not behind `start`, before it when part of the batch was deleted.
        package var firstBatch: Offset
        /// Of all that the leader has, committed or not.
        package var end: Offset
        /// Where ``ExactPartition/epochToAsk(end:)`` and all before it end (KIP-101); nil when that is not known.
        package var epochEnd: Offset?
        package var tail: Tail

        package init(
            topicID: KafkaUUID, leaderEpoch: LeaderEpoch, start: Offset, firstBatch: Offset, end: Offset,
            epochEnd: Offset? = nil, tail: Tail = .unknown
        ) {
            self.topicID = topicID
            self.leaderEpoch = leaderEpoch
            self.start = start
            self.firstBatch = firstBatch
            self.end = end
            self.epochEnd = epochEnd
            self.tail = tail
        }
    }

    /// One append: whole batches with their bytes as they came.
    package struct Append: Sendable {
        /// Where the target's log has to end before it.
        package var expectedEnd: Offset
        /// Where the source's log begins.
        package var logStart: Offset
        /// nil only tells the log start.
        package var records: ByteBuffer?
        /// Where the target's log ends after it.
        package var end: Offset
        /// Without the moment it was read.
        package var load = CopyLoad()

        package var sizeInBytes: Int { records?.readableBytes ?? 0 }
    }

    /// What a target told after an append, whether it took it or not.
    package struct Told: Sendable, Equatable {
        package var logStart: Offset
        package var end: Offset
        /// Up to where it is committed; -1 when that was not told.
        package var highWatermark: Offset

        package init(logStart: Offset, end: Offset, highWatermark: Offset = -1) {
            self.logStart = logStart
            self.end = end
            self.highWatermark = highWatermark
        }
    }

    /// Why what the source gave cannot be mirrored.
    package enum Unmirrorable: Error, Sendable, Equatable, CustomStringConvertible {
        case records(InvalidRecords)
        /// Batches of magic 0 and 1 have no place in a mirror topic.
        case oldFormat(magic: Int8, at: Offset)
        /// A batch begins before where it should, and ends behind it: the logs differ.
        case straddling(Range<Offset>, expected: Offset)

        package var description: String {
            switch self {
            case .records(let invalid): "unreadable records: \(invalid)"
            case .oldFormat(let magic, let offset):
                "the batch at \(offset) is of format \(magic); exact mirroring needs format 2"
            case .straddling(let range, let expected):
                "the source's batch [\(range.lowerBound), \(range.upperBound)) goes across the target's end \(expected)"
            }
        }
    }

    package private(set) var state = State.locating
    /// The source offset to read next.
    package private(set) var nextOffset: Offset = 0
    /// The source's epoch under which to read, so that it says when its leader has changed; -1 before it was located.
    package private(set) var sourceEpoch: LeaderEpoch = -1
    /// What the target has acknowledged; -1 before it was located.
    package private(set) var acknowledgedEnd: Offset = -1
    /// Up to where the target has committed what was acknowledged; -1 when that is not known.
    private var committedEnd: Offset = -1
    /// The end of what is committed at the source, as last told; -1 before that.
    package private(set) var sourceEnd: Offset = -1
    /// Where the target's log ends when all that is under way has arrived.
    private var sentEnd: Offset = 0
    private var sourceStart: Offset = 0
    /// Where a log that is begun anew begins: not behind `sourceStart`, and at a batch.
    private var firstBatch: Offset = 0
    private var targetStart: Offset = 0
    /// Under which epoch of the source the batch before ``acknowledgedEnd`` stands there; nil when this life of the
    /// mirror has not seen it.
    private var acknowledgedEpoch: LeaderEpoch?
    /// What the appends under way will leave, in order: the log's end, and the epoch of the batch before it.
    private var underWay: [(end: Offset, epoch: LeaderEpoch?)] = []
    /// Where the target's records are known to differ, and are left as they are, until something stands behind them; what
    /// the source has in their place is left out.
    private var acceptedDifference: Range<Offset>?

    package init() {}

    // MARK: Locating

    /// For which epoch the source is to be asked where it ends, when the target's log ends at `end`. nil when that is
    /// not where the last answer left it, or when there was none in this life: what stands there may be of an append
    /// whose answer was lost, so the last batches are compared.
    package func epochToAsk(end: Offset) -> LeaderEpoch? { end == acknowledgedEnd ? acknowledgedEpoch : nil }

    /// How many appends have not been answered.
    package var underWayCount: Int { underWay.count }

    /// Both sides have been asked; the target first, so that the source cannot seem to lack what was appended since.
    /// Where they cannot be compared yet the state stays.
    package mutating func located(_ target: TargetLog, _ source: SourceLog) {
        precondition(state == .locating, "located while \(state)")
        underWay = []
        if target.end != acknowledgedEnd { acknowledgedEpoch = nil }
        let hasStoodAtZero = acknowledgedEnd == 0
        // A batch of which the source has deleted the beginning is read from what is left of it.
        nextOffset = max(target.end, source.start)
        sentEnd = target.end
        acknowledgedEnd = target.end
        committedEnd = min(target.highWatermark, target.end)
        targetStart = target.start
        sourceStart = source.start
        firstBatch = min(source.firstBatch, source.start)
        sourceEpoch = source.leaderEpoch
        guard source.topicID == target.topicID else {
            state = .found(MirrorGap(.recreated, target.start..<max(target.start, target.end)))
            return
        }
        guard firstBatch <= target.end else {
            // A mirror topic that was never written to begins where its source does, and lacks nothing by that.
            let isNew = target.end == 0 && !hasStoodAtZero
            state = isNew ? .beginning : .found(MirrorGap(.overtaken, target.end..<source.start))
            return
        }
        compare(target, source)
    }

    private mutating func compare(_ target: TargetLog, _ source: SourceLog) {
        if source.epochEnd == nil, source.tail == .uncommitted { return }
        let differsFrom: Offset? =
            if let epochEnd = source.epochEnd {
                epochEnd < target.end ? epochEnd : nil
            } else if case .different(let from) = source.tail {
                from
            } else {
                source.end < target.end ? source.end : nil
            }
        if let differsFrom {
            let difference = differsFrom..<max(differsFrom, target.end)
            // An append that was under way when a difference was accepted may have made it longer.
            guard let acceptedDifference, acceptedDifference.contains(difference) else {
                state = .found(MirrorGap(.truncated, difference))
                return
            }
        }
        if case .same(let epoch) = source.tail { acknowledgedEpoch = epoch }
        // Behind an accepted difference the source may be shorter than the target for a while.
        if source.end >= target.end { state = .copying }
    }

    /// The gap that was found is in the ledger; returns what is done about it.
    package mutating func recorded(under policy: GapPolicy) -> MirrorGap.Remedy {
        guard case .found(let gap) = state else { preconditionFailure("a gap was recorded while \(state)") }
        let remedy = gap.remedy(under: policy)
        switch remedy {
        case .rest: state = .resting(gap)
        case .beginAtSource: state = targetStart < acknowledgedEnd ? .emptying : .beginning
        case .goOnBehindEnd:
            let known = acceptedDifference ?? gap.offsets
            acceptedDifference =
                min(known.lowerBound, gap.offsets.lowerBound)..<max(known.upperBound, gap.offsets.upperBound)
            acknowledgedEpoch = nil
            state = .locating
        case .mirrorAnew: state = .remaking(gap)
        }
        return remedy
    }

    // MARK: Reading

    /// Takes what the source gave from ``nextOffset`` on. Batches before it, and one that the end cuts off, are left
    /// out; the rest goes to the target in one piece.
    /// - Parameters:
    ///   - logStart: where the source's log begins.
    ///   - highWatermark: up to where it is committed.
    /// - Returns: nil when nothing is to be sent.
    package mutating func take(
        _ fetched: ByteBuffer, logStart: Offset, highWatermark: Offset
    ) throws(Unmirrorable) -> Append? {
        precondition(state == .copying, "records were read while \(state)")
        sourceStart = max(sourceStart, logStart)
        sourceEnd = highWatermark
        var batches = RecordBatches(fetched)
        var from: Int?
        var epoch: LeaderEpoch = -1
        var load = CopyLoad()
        let expected = sentEnd
        while true {
            let position = batches.position
            guard let header = try Self.next(&batches) else { break }
            if header.nextOffset <= nextOffset { continue }
            guard header.magic == 2 else {
                throw .oldFormat(magic: header.magic, at: header.baseOffset)
            }
            guard header.baseOffset >= sentEnd else {
                if acceptedDifference != nil {
                    // Part of it lies where the target has something else; the rest cannot be had without that part.
                    nextOffset = header.nextOffset
                    continue
                }
                guard underWay.isEmpty, from == nil else {
                    throw .straddling(header.baseOffset..<header.nextOffset, expected: sentEnd)
                }
                state = .found(MirrorGap(.truncated, header.baseOffset..<sentEnd))
                return nil
            }
            if from == nil { from = position }
            epoch = header.leaderEpoch
            load.add(header)
            nextOffset = header.nextOffset
            sentEnd = nextOffset
        }
        guard let from,
            let records = fetched.getSlice(at: fetched.readerIndex + from, length: batches.position - from)
        else { return startToTell() }
        acceptedDifference = nil
        underWay.append((sentEnd, epoch >= 0 ? epoch : nil))
        return Append(
            expectedEnd: expected, logStart: min(sourceStart, expected), records: records, end: sentEnd, load: load)
    }

    /// What a fetch at `offset` gave.
    package static func batches(
        in fetched: ByteBuffer, from offset: Offset
    ) throws(Unmirrorable) -> FetchedBatches {
        do throws(InvalidRecords) {
            return try FetchedBatches(in: fetched, from: offset)
        } catch {
            throw .records(error)
        }
    }

    private static func next(_ batches: inout RecordBatches) throws(Unmirrorable) -> RecordBatchHeader? {
        do throws(InvalidRecords) {
            return try batches.nextHeader()
        } catch {
            throw .records(error)
        }
    }

    /// An append that only tells the target where the source's log begins; nil when it knows, or other appends tell it.
    private mutating func startToTell() -> Append? {
        guard underWay.isEmpty, sourceStart > targetStart, sourceStart <= sentEnd else { return nil }
        return only(logStart: sourceStart, end: sentEnd)
    }

    /// Whether nothing is left of emptying the target's log and of telling it where to begin: see ``preparation()``.
    package var isPrepared: Bool { state != .emptying && state != .beginning }

    /// The append that empties the target's log or lets it begin at the source's start; nil when it is under way.
    package mutating func preparation() -> Append? {
        guard underWay.isEmpty else { return nil }
        switch state {
        case .emptying: return only(logStart: sentEnd, end: sentEnd)
        case .beginning: return only(logStart: firstBatch, end: firstBatch)
        case .locating, .copying, .found, .resting, .remaking: return nil
        }
    }

    private mutating func only(logStart: Offset, end: Offset) -> Append {
        underWay.append((end, state == .copying ? acknowledgedEpoch : nil))
        return Append(expectedEnd: sentEnd, logStart: logStart, records: nil, end: end)
    }

    // MARK: Answers

    /// The target has taken the append sent first of those under way.
    /// - Returns: false when its log does not end where the append should have left it: both sides must be asked again.
    package mutating func acknowledge(_ told: Told) -> Bool {
        guard let (end, epoch) = underWay.first else {
            preconditionFailure("an answer with nothing under way at \(nextOffset)")
        }
        underWay.removeFirst()
        guard told.end == end else { return false }
        targetStart = told.logStart
        acknowledgedEnd = end
        committed(told.highWatermark)
        acknowledgedEpoch = epoch
        switch state {
        case .emptying:
            // It deletes up to its high watermark, which may take a moment to pass.
            if told.logStart >= sentEnd { state = .beginning }
        case .beginning:
            nextOffset = max(end, sourceStart)
            sentEnd = end
            state = .copying
        case .copying: break
        case .locating, .found, .resting, .remaking: preconditionFailure("an answer came while \(state)")
        }
        return true
    }

    /// The target has committed all before `highWatermark`. What is not acknowledged may be another's.
    package mutating func committed(_ highWatermark: Offset) {
        committedEnd = max(committedEnd, min(highWatermark, acknowledgedEnd))
    }

    /// The target was asked how it stands after it had acknowledged all before `asked`.
    /// - Returns: false when it lacks some of that: its leader has changed before all was committed. Both sides must be
    ///   asked again, for while the source has nothing more to copy nothing else shows it.
    package mutating func stands(_ told: Told, askedAt asked: Offset) -> Bool {
        guard told.end >= asked else { return false }
        committed(told.highWatermark)
        return true
    }

    /// Up to where the target is known to have committed what the source has, as the source's leader of ``sourceEpoch``
    /// may be told; nil while that is not known, or while the target keeps something else in its place.
    package var confirmedEnd: Offset? {
        state == .copying && acceptedDifference == nil && committedEnd >= 0 ? committedEnd : nil
    }

    /// Whether nothing is under way that would tell when the target has committed what it has acknowledged.
    package var awaitsCommit: Bool { confirmedEnd.map { $0 < acknowledgedEnd } ?? false && underWay.isEmpty }

    /// Something went wrong at either side: all that is under way is in doubt. Gaps that were found stay.
    package mutating func interrupted() {
        underWay = []
        switch state {
        case .locating, .copying, .emptying, .beginning: state = .locating
        case .found, .resting, .remaking: break
        }
    }

    /// An operator has decided: a partition at rest is looked at anew.
    package mutating func resume() {
        underWay = []
        state = .locating
    }

    /// How many offsets of what is committed at the source the target lacks; nil before that is known.
    package var lag: Offset? { sourceEnd < 0 || acknowledgedEnd < 0 ? nil : max(0, sourceEnd - acknowledgedEnd) }
}
