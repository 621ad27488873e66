import ClusterModel
import Mirroring
import NIOCore
import Records
import Testing

/// A mirror of one partition with everything that may go wrong around it.
private struct TwinMirror {
    var source = TwinSource()
    var target = TwinTarget()
    var partition = ExactPartition()
    var policy: GapPolicy
    var ledger: [MirrorGap] = []
    /// The topic that the source was located as: fetches name it.
    var locatedID: UInt64 = 0
    /// Counts interruptions: who asks and who is told is of the same life.
    var life = 0
    /// Appends on their way, in order.
    var underWay: [(life: Int, append: ExactPartition.Append)] = []
    /// Answers on their way back.
    var answers: [(life: Int, told: ExactPartition.Told, isTaken: Bool)] = []

    init(policy: GapPolicy) { self.policy = policy }

    mutating func interrupt() {
        partition.interrupted()
        life += 1
    }

    /// What was sent may still arrive.
    mutating func restart() {
        partition = ExactPartition()
        life += 1
    }

    mutating func locate() {
        let target = ExactPartition.TargetLog(
            topicID: KafkaUUID(high: 0, low: target.id), start: target.start, end: target.end,
            highWatermark: target.highWatermark)
        locatedID = source.id
        let epochEnd = partition.epochToAsk(end: target.end).map { source.end(of: $0) }
        partition.located(
            target,
            ExactPartition.SourceLog(
                topicID: KafkaUUID(high: 0, low: source.id), leaderEpoch: source.epoch, start: source.start,
                firstBatch: min(source.start, source.batches.first?.range.lowerBound ?? source.start),
                end: source.end, epochEnd: epochEnd, tail: tail))
    }

    private var tail: ExactPartition.Tail {
        let common = min(target.end, source.end)
        if source.highWatermark < common { return .uncommitted }
        var differsFrom: Offset? = source.end < target.end ? source.end : nil
        for batch in target.batches.reversed() where batch.range.lowerBound < common {
            guard let there = source.batches.first(where: { $0.range.overlaps(batch.range) }) else { break }
            if there == batch {
                return differsFrom.map { ExactPartition.Tail.different(from: $0) } ?? .same(there.epoch)
            }
            differsFrom = min(there.range.lowerBound, batch.range.lowerBound)
        }
        return differsFrom.map { ExactPartition.Tail.different(from: $0) } ?? .unknown
    }

    /// One step of a mirror that has nothing else to do.
    mutating func step(most: Int) throws {
        switch partition.state {
        case .locating: locate()
        case .found(let gap):
            if ledger.last != gap { ledger.append(gap) }
            _ = partition.recorded(under: policy)
        case .remaking:
            target = TwinTarget()
            target.id = source.id
            // Appends to the old topic name its id.
            underWay = []
            restart()
        case .resting: partition.resume()
        case .emptying, .beginning: if let append = partition.preparation() { underWay.append((life, append)) }
        case .copying:
            guard locatedID == source.id,
                let bytes = source.fetch(partition.nextOffset, epoch: partition.sourceEpoch, most: most)
            else { return interrupt() }
            do throws(ExactPartition.Unmirrorable) {
                let append = try partition.take(
                    bytes, logStart: source.start, highWatermark: source.highWatermark)
                if let append { underWay.append((life, append)) }
            } catch {
                interrupt()
            }
        }
    }

    mutating func arrive() throws {
        guard !underWay.isEmpty else { return }
        let (life, append) = underWay.removeFirst()
        let isTaken = try target.append(append)
        answers.append((life, target.told, isTaken))
    }

    mutating func answer() {
        guard !answers.isEmpty else { return }
        let (life, told, isTaken) = answers.removeFirst()
        guard life == self.life else { return }
        if !isTaken || !partition.acknowledge(told) { interrupt() }
    }

    /// Until nothing changes any more.
    mutating func settle() throws {
        source.highWatermark = source.end
        for _ in 0..<2_000 {
            try step(most: 3)
            try arrive()
            answer()
        }
        target.commit()
        partition.committed(target.highWatermark)
    }
}

@Suite struct ExactPartitionTests {
    @Test(arguments: 0..<300) func theTargetBecomesTheSource(seed: UInt64) throws {
        var chance = SplitMix(state: seed &* 7_919 &+ 1)
        let policy = GapPolicy.allCases[Int(seed % 3)]
        var mirror = TwinMirror(policy: policy)
        var everWritten: [TwinBatch] = []
        for _ in 0..<400 {
            switch Int.random(in: 0..<100, using: &chance) {
            case 0..<25:
                mirror.source.append(Offset.random(in: 1...5, using: &chance))
                if let last = mirror.source.batches.last { everWritten.append(last) }
            case 25..<40:
                let range = mirror.source.highWatermark...mirror.source.end
                mirror.source.highWatermark = Offset.random(in: range, using: &chance)
            // What was compacted away tells nobody that it had been truncated before.
            case 40..<42 where seed % 2 == 1: mirror.source.compact(Int.random(in: 0..<20, using: &chance))
            case 42:
                mirror.source.delete(before: Offset.random(in: 0...max(1, mirror.source.end), using: &chance))
            case 43: mirror.source.elect(keeping: .max)
            case 44 where seed % 2 == 0:
                mirror.source.elect(keeping: Int.random(in: 0...mirror.source.batches.count, using: &chance))
            case 45 where seed % 10 == 0: mirror.source.makeAnew()
            case 46: mirror.restart()
            case 47: mirror.interrupt()
            // An answer is lost, an append is doubled, an append is lost.
            case 48 where !mirror.answers.isEmpty:
                mirror.answers.removeFirst()
                mirror.interrupt()
            case 49 where !mirror.underWay.isEmpty:
                mirror.underWay.insert((-1, mirror.underWay[0].append), at: 0)
            case 50 where !mirror.underWay.isEmpty:
                mirror.underWay.removeFirst()
                mirror.interrupt()
            case 51..<65: try mirror.arrive()
            case 65..<80: mirror.answer()
            case 80: mirror.target.commit()
            default: try mirror.step(most: Int.random(in: 1...4, using: &chance))
            }
            checkConfirmed(mirror)
        }
        try mirror.settle()
        try check(mirror, everWritten)
        checkConfirmed(mirror)
        if case .copying = mirror.partition.state, mirror.ledger.isEmpty {
            #expect(mirror.partition.confirmedEnd == mirror.source.end && !mirror.partition.awaitsCommit)
        }
    }

    /// What the source's present leader may be told is committed at the target, but for what the ledger has.
    private func checkConfirmed(_ mirror: TwinMirror) {
        let (source, target) = (mirror.source, mirror.target)
        guard let end = mirror.partition.confirmedEnd, mirror.partition.sourceEpoch == source.epoch,
            mirror.locatedID == source.id
        else { return }
        #expect(end <= target.highWatermark && end <= source.end)
        for batch in source.batches where batch.range.upperBound <= end && !target.batches.contains(batch) {
            #expect(mirror.ledger.contains { $0.offsets.overlaps(batch.range) })
        }
    }

    private func check(_ mirror: TwinMirror, _ everWritten: [TwinBatch]) throws {
        let (source, target) = (mirror.source, mirror.target)
        // No order, no batch but those that there were.
        for (one, next) in zip(target.batches, target.batches.dropFirst()) {
            #expect(one.range.upperBound <= next.range.lowerBound)
        }
        for batch in target.batches { #expect(everWritten.contains(batch)) }
        let missing = source.batches.filter { !target.batches.contains($0) }
        if mirror.policy == .rewind {
            #expect(missing.isEmpty && target.end == source.end && target.start == source.start)
        }
        if mirror.ledger.isEmpty { #expect(missing.isEmpty && target.end == source.end) }
        if case .resting(let gap) = mirror.partition.state { #expect(mirror.ledger.contains(gap)) }
        // What is missing was told.
        guard mirror.policy == .continue, source.id == target.id else { return }
        for batch in missing { #expect(mirror.ledger.contains { $0.offsets.overlaps(batch.range) }) }
    }

    @Test func aGapIsInTheLedgerBeforeAnythingIsDone() throws {
        var mirror = TwinMirror(policy: .continue)
        mirror.source.append(5)
        try mirror.settle()
        #expect(mirror.target.end == 5 && mirror.ledger.isEmpty)
        mirror.source.append(5)
        mirror.source.append(5)
        mirror.source.highWatermark = 15
        mirror.source.delete(before: 12)
        mirror.interrupt()
        mirror.locate()
        #expect(mirror.partition.state == .found(MirrorGap(.overtaken, 5..<12)))
        #expect(mirror.partition.preparation() == nil)
        try mirror.settle()
        #expect(mirror.ledger == [MirrorGap(.overtaken, 5..<12)])
        #expect(mirror.target.start == 12 && mirror.target.end == 15)
    }

    @Test func aTruncatedSourceIsSeenByItsEpoch() throws {
        var mirror = TwinMirror(policy: .stop)
        for _ in 0..<3 { mirror.source.append(2) }
        try mirror.settle()
        mirror.source.elect(keeping: 1)
        for _ in 0..<5 { mirror.source.append(2) }
        try mirror.settle()
        #expect(mirror.ledger == [MirrorGap(.truncated, 2..<6)])
        #expect(mirror.target.end == 6)
        // The same after a restart, from the batches alone.
        mirror.ledger = []
        mirror.restart()
        try mirror.settle()
        #expect(mirror.ledger.map(\.kind) == [.truncated])
    }

    @Test func aTopicMadeAnewIsSeenByItsID() throws {
        var mirror = TwinMirror(policy: .continue)
        mirror.source.append(3)
        try mirror.settle()
        mirror.source.makeAnew()
        mirror.source.append(4)
        mirror.interrupt()
        try mirror.settle()
        #expect(mirror.ledger == [MirrorGap(.recreated, 0..<3)])
        #expect(mirror.target.end == 3)
        mirror.policy = .rewind
        mirror.interrupt()
        try mirror.settle()
        #expect(mirror.target.end == 4 && mirror.target.batches == mirror.source.batches)
    }

    @Test func oldFormatsAreRefused() throws {
        var partition = ExactPartition()
        let id = KafkaUUID(high: 0, low: 1)
        partition.located(
            ExactPartition.TargetLog(topicID: id, start: 0, end: 0),
            ExactPartition.SourceLog(topicID: id, leaderEpoch: 0, start: 0, firstBatch: 0, end: 1))
        // Magic 1: offset, size, CRC, magic, attributes, time, no key, no value.
        var old = ByteBuffer()
        old.writeInteger(Int64(0))
        old.writeInteger(Int32(22))
        old.writeInteger(Int32(0))
        old.writeBytes([1, 0])
        old.writeInteger(Int64(0))
        old.writeInteger(Int32(-1))
        old.writeInteger(Int32(-1))
        #expect(throws: ExactPartition.Unmirrorable.oldFormat(magic: 1, at: 0)) {
            try partition.take(old, logStart: 0, highWatermark: 1)
        }
    }
}

/// Chance that a seed repeats (Sebastiano Vigna's SplitMix64).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
