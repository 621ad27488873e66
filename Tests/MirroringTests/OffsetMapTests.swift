import ClusterModel
import Mirroring
import Testing

@Suite struct OffsetMapTests {
    @Test func translationNeverSkipsARecord() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var map = OffsetMap()
            // The dumb twin: for every source offset, how many records before it stand at the target.
            var truth: [Offset: Offset] = [:]
            let start = Offset.random(in: 0...100, using: &generator)
            var source = start
            var target = Offset.random(in: 0...100, using: &generator)
            for _ in 0..<30 {
                source += Offset.random(in: 0...2, using: &generator)
                let span = Offset.random(in: 1...10, using: &generator)
                let count = Bool.random(using: &generator) ? span : Offset.random(in: 1...span, using: &generator)
                map.add(source: source, sourceEnd: source + span, target: target, count: Int32(count))
                // Records of a batch with holes may stand anywhere in it; the latest place is the hardest.
                for place in 0...span { truth[source + place] = target + max(0, count - (span - place)) }
                source += span
                target += count
            }
            #expect(map.end == MirroredPosition(source: source, target: target))
            for offset in start..<source {
                guard let known = truth[offset], let translated = map.translate(offset) else { continue }
                #expect(translated <= known)
            }
            #expect(map.translate(source) == target)
            #expect(map.translate(source + 50) == target)
        }
    }

    @Test func equalCountsMakeOneRun() {
        var map = OffsetMap()
        #expect(map.translate(0) == nil)
        func added(source: Offset, sourceEnd: Offset, target: Offset, count: Int32) -> Bool {
            map.add(source: source, sourceEnd: sourceEnd, target: target, count: count)
        }
        #expect(added(source: 10, sourceEnd: 20, target: 0, count: 10) == true)
        #expect(added(source: 20, sourceEnd: 30, target: 10, count: 10) == false)
        #expect(added(source: 31, sourceEnd: 40, target: 20, count: 9) == true)
        #expect(map.translate(9) == nil)
        #expect(map.translate(25) == 15)
        #expect(map.translate(30) == 20)
        #expect(map.translate(31) == 20)
        #expect(map.translate(35) == 24)
    }

    @Test func theOldestRunsAreForgotten() {
        var map = OffsetMap()
        for index in 0..<20_000 as Range<Offset> {
            map.add(source: index * 2, sourceEnd: index * 2 + 1, target: index, count: 1)
        }
        #expect(map.translate(0) == nil)
        #expect(map.translate(39_998) == 19_999)
        #expect(map.translate(39_000) == 19_500)
    }

    @Test func aMapGoesOnWithWhatIsWrittenDown() throws {
        var map = OffsetMap()
        map.add(source: 10, sourceEnd: 20, target: 0, count: 10)
        map.add(source: 21, sourceEnd: 30, target: 10, count: 9)
        let position = MirroredPosition(source: 30, target: 19)
        let id = KafkaUUID(high: 7, low: 8)
        let written = WrittenPosition(position, topicID: id, runs: map.runs)
        #expect(written.metadata == "19;id=\(id);runs=10:0,21:10")
        let read = try #require(WrittenPosition(committedOffset: 30, metadata: written.metadata))
        #expect(read == written)
        var later = OffsetMap(at: read.position, after: read.runs)
        for offset in 0..<40 as Range<Offset> { #expect(later.translate(offset) == map.translate(offset)) }
        // What was copied and not written down counted alike, and then not.
        later.goOn(at: MirroredPosition(source: 35, target: 24))
        #expect(later.translate(33) == 22)
        later.goOn(at: MirroredPosition(source: 45, target: 30))
        #expect(later.translate(40) == 24)
        #expect(later.translate(45) == 30)
        later.goOn(at: MirroredPosition(source: 50, target: 30))
        #expect(later.translate(47) == 30)
        #expect(later.translate(33) == 22)
        // What lies behind it is another copy.
        later.goOn(at: MirroredPosition(source: 5, target: 60))
        #expect(later.translate(33) == 60)
        #expect(later.translate(4) == nil)
    }

    /// What the source has lost, or ends transactions with, has no copy: a group behind it must not go on too late.
    @Test func whatFollowsOffsetsWithoutCopiesCountsFromThere() {
        var map = OffsetMap()
        map.add(source: 0, sourceEnd: 10, target: 0, count: 10)
        map.goOn(at: MirroredPosition(source: 14, target: 10))
        map.add(source: 14, sourceEnd: 24, target: 10, count: 10)
        #expect((0..<10).allSatisfy { map.translate($0) == $0 })
        #expect((10..<14).allSatisfy { map.translate($0) == 10 })
        #expect((14..<24).allSatisfy { map.translate($0) == $0 - 4 })

        // The same when it was written down in between.
        var later = OffsetMap(
            at: MirroredPosition(source: 14, target: 10), after: [OffsetMap.Run(source: 0, target: 0, isExact: true)])
        later.add(source: 14, sourceEnd: 24, target: 10, count: 10)
        #expect((0..<24).allSatisfy { later.translate($0) == map.translate($0) })
    }

    @Test func positionsWithoutRunsAreRead() {
        #expect(
            WrittenPosition(committedOffset: 5, metadata: "3")
                == WrittenPosition(MirroredPosition(source: 5, target: 3)))
        for metadata in ["", "x", "-1", "3;id=short", "3;runs=1", "3;runs=1:x"] {
            #expect(WrittenPosition(committedOffset: 5, metadata: metadata) == nil, "\(metadata)")
        }
    }

    @Test(arguments: [10, 300, 8000]) func aLongMapIsWrittenDownShortened(count: Int) throws {
        var map = OffsetMap()
        for index in 0..<Offset(count) {
            map.add(source: index * 1001, sourceEnd: index * 1001 + 1000, target: index * 1000, count: 1000)
        }
        let end = try #require(map.end)
        let metadata = WrittenPosition(end, runs: map.runs).metadata
        #expect(metadata.utf8.count <= 4096)
        let read = try #require(WrittenPosition(committedOffset: end.source, metadata: metadata))
        let later = OffsetMap(at: read.position, after: read.runs)
        for offset in stride(from: 0, to: end.source, by: 97) {
            let translated = try #require(later.translate(offset))
            #expect(translated <= map.translate(offset) ?? -1)
        }
        // The latest are as they were.
        for offset in stride(from: max(0, end.source - 50_000), to: end.source, by: 97) {
            #expect(later.translate(offset) == map.translate(offset))
        }
    }
}
