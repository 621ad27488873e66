import ClusterModel
import Mirroring
import NIOCore
import Records
import Testing

@Suite struct CopiedTailTests {
    private func records(_ values: [String], from first: Offset, timestamp: Int64 = 7) -> [Record] {
        values.enumerated().map { index, value in
            Record(offset: first + Offset(index), timestamp: timestamp, key: nil, value: ByteBuffer(string: value))
        }
    }

    private func match(
        _ copies: [String], in originals: [String], from first: Offset = 0, notBefore earliest: Offset = 0,
        times: (copies: Int64, originals: Int64) = (7, 7), compares: Bool = true
    ) -> CopiedTail.Match? {
        var tail = CopiedTail(
            records(copies, from: 100, timestamp: times.copies), comparesTimes: compares, notBefore: earliest)
        for record in records(originals, from: first, timestamp: times.originals) { tail.pass(record) }
        return tail.match
    }

    @Test func theLastCopyIsFoundWithThoseBeforeIt() {
        let found = match(["a", "b", "c"], in: ["x", "a", "b", "c", "d"], from: 40)
        #expect(found?.offset == 43)
        #expect(found?.pairs.map(\.source) == [41, 42, 43])
        #expect(found?.pairs.map(\.target) == [100, 101, 102])
    }

    @Test func moreInCommonIsBetterAndOtherwiseTheFirstCounts() {
        #expect(match(["a", "b", "c"], in: ["c", "b", "c", "a", "b", "c", "c"])?.offset == 5)
        // Nothing tells one from another: copying twice is better than missing one.
        #expect(match(["s", "s"], in: ["s", "s", "s", "s"])?.offset == 1)
        #expect(match(["s", "s"], in: ["s", "s", "s", "s"], notBefore: 2)?.offset == 2)
        // Some were copied twice before.
        #expect(match(["a", "b", "a", "b", "c"], in: ["a", "b", "c", "d"])?.offset == 2)
    }

    @Test func whatIsNotThereIsNotFound() {
        #expect(match(["a", "b"], in: ["a", "c"]) == nil)
        #expect(match(["a", "b"], in: ["a", "b", "c"], notBefore: 2) == nil)
        #expect(match([], in: ["a"]) == nil)
        #expect(match(["a"], in: ["a"], times: (9, 7)) == nil)
        #expect(match(["a"], in: ["a"], times: (9, 7), compares: false)?.offset == 0)
    }

    /// Against a dumb twin.
    @Test func randomSequences() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let originals = (0..<30).map { _ in ["a", "b", "c"].randomElement(using: &generator) ?? "" }
            let end = Int.random(in: 1...30, using: &generator)
            let count = Int.random(in: 1...min(8, end), using: &generator)
            let copies = Array(originals[end - count..<end])
            let earliest = Int.random(in: 0..<end, using: &generator)
            let first = (earliest..<30).first { $0 + 1 >= count && Array(originals[$0 + 1 - count...$0]) == copies }
            #expect(match(copies, in: originals, notBefore: Offset(earliest))?.offset == first.map(Offset.init))
        }
    }
}

@Suite struct OriginOffsetTests {
    private func pair(_ source: Offset, _ target: Offset) -> MirroredPosition {
        MirroredPosition(source: source, target: target)
    }

    @Test func theSearchBeginsBehindAllThatIsKnown() {
        let noted = OriginOffset(lastCopied: 50, pairs: [pair(60, 65), pair(10, 12)])
        #expect(noted.beginOfSearch(in: 0..<100, targetEnd: 70) == 60)
        // A pair of a copy that is not there says nothing; nor does one of records that are not there.
        #expect(noted.beginOfSearch(in: 0..<100, targetEnd: 65) == 50)
        #expect(noted.beginOfSearch(in: 0..<55, targetEnd: 70) == 50)
        #expect(noted.beginOfSearch(in: 0..<20, targetEnd: 70) == 10)
        #expect(noted.beginOfSearch(in: 80..<100, targetEnd: 70) == 80)
    }

    @Test func offsetsAreTranslatedByWhatWasRecognized() throws {
        let noted = OriginOffset(lastCopied: 50, pairs: [pair(10, 12), pair(40, 45), pair(39, 46), pair(70, 20)])
        let match = CopiedTail.Match(offset: 52, pairs: [pair(50, 60), pair(52, 61)])
        let position = try #require(noted.position(match, targetEnd: 63))
        #expect(position.position == pair(53, 63))
        let map = OffsetMap(at: position.position, after: position.runs)
        #expect([9, 10, 30, 41, 50].map { map.translate($0) } == [nil, 12, 12, 45, 60])
        #expect([52, 53, 60].map { map.translate($0) } == [61, 63, 63])
        // Between the two one was compacted away at the source.
        #expect(map.translate(51).map { $0 <= 61 } ?? false)
    }

    @Test func withoutAMatchOnlyANotedOffsetCounts() {
        #expect(OriginOffset(pairs: [pair(10, 12)]).position(nil, targetEnd: 13) == nil)
        #expect(OriginOffset(lastCopied: 9).position(nil, targetEnd: 13)?.position == pair(10, 13))
        #expect(OriginOffset().isEmpty)
    }
}
