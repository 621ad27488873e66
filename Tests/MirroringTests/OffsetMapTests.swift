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
}
