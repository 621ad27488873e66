import ClusterModel
import Mirroring
import NIOCore
import Records
import Testing

/// A partition as a list of batches, to copy from and to.
private struct FakeLog {
    struct Batch {
        var header: RecordBatchHeader
        var mark: BatchMark
    }

    var batches: [Batch] = []
    var end: Offset { batches.last?.header.nextOffset ?? 0 }

    mutating func append(
        count: Int32, body: UInt32, producer: ProducerPosition? = nil, isControl: Bool = false, gap: Offset = 0
    ) throws {
        var builder = RecordBatchBuilder(attributes: BatchAttributes(isControl: isControl))
        builder.baseOffset = end + gap
        builder.producerID = producer?.id ?? -1
        builder.producerEpoch = producer?.epoch ?? -1
        builder.baseSequence = producer?.nextSequence ?? -1
        for _ in 0..<count { builder.append(timestamp: 0, key: nil as ByteBuffer?, value: nil) }
        let header = try RecordBatch(reading: builder.finish()).header
        batches.append(Batch(header: header, mark: BatchMark(recordCount: count, bodyCRC: body)))
    }

    var targetEnd: PartitionCopy.TargetEnd {
        PartitionCopy.TargetEnd(offset: end, last: batches.last.map { ($0.header, $0.mark) })
    }
}

@Suite struct PartitionCopyTests {
    /// Copies up to `limit` batches; those from `lost` on are written but their acknowledgement is lost.
    private func run(
        _ copy: inout PartitionCopy, from source: FakeLog, to target: inout FakeLog, limit: Int, acknowledged: Int
    ) throws {
        copy.targetStands(at: target.targetEnd, source: 0...source.end)
        for batch in source.batches where copy.state == .searching && batch.header.nextOffset > copy.nextOffset {
            if copy.treatment(of: batch.header) == .skip {
                copy.skipped(batch.header)
            } else {
                _ = copy.passed(batch.mark, header: batch.header)
            }
        }
        if copy.state == .searching { _ = copy.passedAll() }
        if copy.producer == nil { copy.use(77, epoch: 0) }
        var done = 0
        for batch in source.batches where done < limit && batch.header.nextOffset > copy.nextOffset {
            guard copy.treatment(of: batch.header) == .forward else {
                copy.skipped(batch.header)
                continue
            }
            let range = batch.header.baseOffset..<batch.header.nextOffset
            let position = copy.sent(range, count: batch.header.recordCount)
            let place = target.end
            try target.append(count: batch.header.recordCount, body: batch.mark.bodyCRC, producer: position)
            if done < acknowledged { _ = copy.acknowledge(at: place) }
            done += 1
        }
    }

    @Test(arguments: 0..<300 as Range<Int>)
    func everyInterruptionGoesOnExactly(seed: Int) throws {
        var source = FakeLog()
        for index in 0..<20 {
            let isControl = Int.random(in: 0..<5) == 0
            // Few different bodies, so that equal batches follow each other.
            try source.append(
                count: isControl ? 1 : .random(in: 1...5), body: UInt32.random(in: 0...3), isControl: isControl,
                gap: index == 0 ? 0 : .random(in: 0...1))
        }
        var target = FakeLog()
        var stored: WrittenPosition?
        var lives = 0
        let wanted = source.batches.filter { !$0.header.attributes.isControl }.map(\.mark)
        while target.batches.count < wanted.count {
            // A new life each time: only what was stored and the target itself survive.
            var copy = PartitionCopy(stored: stored)
            let limit = Int.random(in: 0...6)
            try run(&copy, from: source, to: &target, limit: limit, acknowledged: .random(in: 0...limit))
            if Bool.random() { stored = copy.written }
            lives += 1
            try #require(lives < 1000)
        }
        #expect(target.batches.map(\.mark) == wanted)
        let sequences = target.batches.map(\.header.baseSequence)
        #expect(sequences == target.batches.map { Int32($0.header.baseOffset) })
        #expect(target.batches.allSatisfy { $0.header.producerID == 77 })
    }

    @Test func withoutAMatchNothingIsLost() throws {
        var source = FakeLog()
        for body in 0..<6 as Range<UInt32> { try source.append(count: 2, body: body) }
        var target = FakeLog()
        try target.append(count: 9, body: 1234)
        var copy = PartitionCopy(stored: WrittenPosition(MirroredPosition(source: 4, target: 3)))
        copy.targetStands(at: target.targetEnd, source: 0...source.end)
        #expect(copy.state == .searching)
        #expect(copy.nextOffset == 4)
        var outcome = RestartSearch.Outcome.goOn
        for batch in source.batches[2...] { outcome = copy.passed(batch.mark, header: batch.header) }
        #expect(outcome == .absent)
        #expect(copy.state == .copying)
        #expect(copy.nextOffset == 4)
    }

    /// Nothing is written down of what stands at the target, and the source has no such batch.
    @Test(arguments: [false, true]) func whatOthersWroteIsLeftAlone(sourceIsEmpty: Bool) throws {
        var source = FakeLog()
        if !sourceIsEmpty { for body in 0..<3 as Range<UInt32> { try source.append(count: 2, body: body) } }
        var target = FakeLog()
        try target.append(count: 2, body: 1234)
        var copy = PartitionCopy(stored: nil)
        copy.targetStands(at: target.targetEnd, source: 0...source.end)
        for batch in source.batches { _ = copy.passed(batch.mark, header: batch.header) }
        #expect(copy.state == .blocked)
        #expect(copy.written == nil)
        #expect(!copy.isRead)
    }

    @Test func anInterruptedSearchBeginsAgain() throws {
        var source = FakeLog()
        for body in 0..<3 as Range<UInt32> { try source.append(count: 2, body: body) }
        var target = FakeLog()
        for body in 0..<2 as Range<UInt32> { try target.append(count: 2, body: body) }
        var copy = PartitionCopy(stored: WrittenPosition(MirroredPosition(source: 2, target: 2)))
        for _ in 0..<2 {
            copy.targetStands(at: target.targetEnd, source: 0...source.end)
            #expect(copy.state == .searching)
            copy.failed()
        }
        copy.targetStands(at: target.targetEnd, source: 0...source.end)
        #expect(copy.passed(source.batches[1].mark, header: source.batches[1].header) == .found(4, isExact: true))
        #expect(copy.nextOffset == 4)
    }

    private static let ids = [1, 2].map { KafkaUUID(high: 0, low: $0) }

    @Test(arguments: [
        (10...90, ids[0], MirrorGap(.overtaken, 4..<10)), (0...3, ids[0], MirrorGap(.truncated, 3..<4)),
        (0...90, ids[1], MirrorGap(.recreated, 0..<4)),
    ])
    func whatTheSourceHasLostIsFound(source: ClosedRange<Offset>, id: KafkaUUID, gap: MirrorGap) throws {
        var target = FakeLog()
        try target.append(count: 3, body: 0)
        for policy in GapPolicy.allCases {
            let runs = [OffsetMap.Run(source: 0, target: 0, isExact: true)]
            let stored = WrittenPosition(MirroredPosition(source: 4, target: 3), topicID: Self.ids[0], runs: runs)
            var copy = PartitionCopy(stored: stored)
            copy.targetStands(at: target.targetEnd, source: source, id: id)
            #expect(copy.state == .found(gap))
            #expect(copy.written == nil)
            copy.recorded(under: policy)
            #expect(copy.state == (policy == .stop ? .resting(gap) : .copying))
            guard policy != .stop else { continue }
            #expect(copy.nextOffset == source.lowerBound)
            #expect(copy.written?.topicID == id)
            #expect(copy.written?.position == MirroredPosition(source: source.lowerBound, target: 3))
            // Offsets of the old topic are none of the new one.
            #expect(copy.offsets.translate(2) == (gap.kind == .overtaken ? 2 : source.lowerBound == 0 ? 3 : nil))
        }
    }

    @Test func whatIsSkippedIsNotMissed() throws {
        var source = FakeLog()
        try source.append(count: 1, body: 0, isControl: true)
        var copy = PartitionCopy(stored: nil)
        copy.targetStands(at: PartitionCopy.TargetEnd(offset: 0, last: nil), source: 0...1)
        copy.skipped(source.batches[0].header)
        #expect(copy.written?.position == MirroredPosition(source: 1, target: 0))
    }

    @Test func anEmptyTargetBeginsWhereTheSourceDoes() {
        var copy = PartitionCopy(stored: nil)
        copy.targetStands(at: PartitionCopy.TargetEnd(offset: 0, last: nil), source: 30...90)
        #expect(copy.state == .copying)
        #expect(copy.nextOffset == 30)
        #expect(copy.producer == nil)
    }

    @Test func sequencesGoOnWithZero() {
        var copy = PartitionCopy(stored: nil)
        copy.targetStands(at: PartitionCopy.TargetEnd(offset: 0, last: nil), source: 0...9)
        copy.use(5, epoch: 1)
        _ = copy.sent(0..<Offset(Int32.max), count: Int32.max)
        let second = copy.sent(Offset(Int32.max)..<Offset(Int32.max) + 3, count: 3)
        #expect(second.nextSequence == Int32.max)
        let third = copy.sent(Offset(Int32.max) + 3..<Offset(Int32.max) + 4, count: 1)
        #expect(third.nextSequence == 2)
    }

    @Test func holesAndOldFormatsAreEncodedAnew() throws {
        var log = FakeLog()
        try log.append(count: 3, body: 0)
        var header = log.batches[0].header
        let copy = PartitionCopy(stored: nil)
        #expect(copy.treatment(of: header) == .forward)
        header.lastOffsetDelta = 5
        #expect(copy.treatment(of: header) == .encodeAnew)
        header.magic = 1
        #expect(copy.treatment(of: header) == .encodeAnew)
    }
}
