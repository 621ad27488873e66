import ClusterModel
import Mirroring
import Testing

@Suite struct ReadAheadTests {
    /// Batches of ten offsets; a fetch gives some of them, beginning with the one that the offset is in.
    private func fetch(_ offset: Offset, _ count: Offset, _ end: Offset) -> (bytes: Range<Offset>, next: Offset) {
        let start = offset / 10 * 10
        let next = max(offset, min(start + count * 10, end))
        return (start..<max(start, next), next)
    }

    @Test(arguments: 0..<100) func allComesInOrder(seed: UInt64) {
        var chance = SplitMix(state: seed &* 31 &+ 7)
        let end: Offset = 2_000
        var ahead = ReadAhead<Range<Offset>>(at: 0)
        var asked: [Offset] = []
        var reached: Offset = 0
        var most = 0
        for _ in 0..<20_000 where reached < end {
            if Bool.random(using: &chance), let offset = ahead.ask(upTo: end, most: 4) { asked.append(offset) }
            most = max(most, asked.count)
            guard !asked.isEmpty, Bool.random(using: &chance) else { continue }
            let offset = asked.remove(at: Int.random(in: asked.indices, using: &chance))
            if Int.random(in: 0..<10, using: &chance) == 0 {
                ahead.failed(at: offset)
                continue
            }
            let (bytes, next) = fetch(offset, Offset.random(in: 1...6, using: &chance), end)
            for range in ahead.take(bytes, at: offset, next: next, sizeInBytes: 1, isFull: .random(using: &chance)) {
                #expect(range.lowerBound <= reached, "a hole before \(range) at \(reached)")
                reached = max(reached, range.upperBound)
            }
        }
        #expect(reached == end)
        #expect(most > 1 && most <= 5)
    }

    @Test func theFirstFetchGoesAlone() {
        var ahead = ReadAhead<Int>(at: 50)
        #expect(ahead.ask(upTo: 1_000, most: 4) == 50)
        #expect(ahead.ask(upTo: 1_000, most: 4) == nil)
        #expect(ahead.take(1, at: 50, next: 60, sizeInBytes: 1, isFull: true) == [1])
        #expect(ahead.ask(upTo: 75, most: 4) == 60)
        #expect(ahead.ask(upTo: 75, most: 4) == 70)
        // There is nothing so far ahead.
        #expect(ahead.ask(upTo: 75, most: 4) == nil)
        #expect(ahead.take(3, at: 70, next: 75, sizeInBytes: 1, isFull: true) == [])
        #expect(ahead.take(2, at: 60, next: 71, sizeInBytes: 1, isFull: true) == [2, 3])
    }

    @Test func aFetchThatFallsShortIsFollowedByTheRestAlone() {
        var ahead = ReadAhead<Int>(at: 0)
        #expect(ahead.ask(upTo: 100_000, most: 3) == 0)
        #expect(ahead.mostBytes(at: 0) == nil)
        #expect(ahead.take(0, at: 0, next: 8_000, sizeInBytes: 8_000_000, isFull: true) == [0])
        for place in [8_000, 16_000, 24_000] as [Offset] { #expect(ahead.ask(upTo: 100_000, most: 3) == place) }
        #expect(ahead.mostBytes(at: 16_000) == 9_000_000 && ahead.mostBytes(at: 24_000) == nil)
        // Longer records: the rest is read at once, no further than to the next place, and others go on as before.
        #expect(ahead.take(2, at: 16_000, next: 22_000, sizeInBytes: 9_000_000, isFull: true) == [])
        #expect(ahead.ask(upTo: 100_000, most: 3) == 22_000)
        #expect(ahead.mostBytes(at: 22_000) == 2_000 * 1_500 * 9 / 8)
        #expect(ahead.take(3, at: 22_000, next: 23_000, sizeInBytes: 1_500_000, isFull: false) == [])
        // But nobody holds any number of them: it is the next stripe that is read.
        #expect(ahead.ask(upTo: 100_000, most: 3) == 30_000)
        #expect(ahead.ask(upTo: 100_000, most: 3) == nil)
        #expect(ahead.take(1, at: 8_000, next: 16_000, sizeInBytes: 8_000_000, isFull: true) == [1, 2, 3])
        #expect(ahead.ask(upTo: 100_000, most: 3) == 23_000)
        #expect(ahead.take(4, at: 23_000, next: 24_000, sizeInBytes: 1_500_000, isFull: false) == [4])
        #expect(ahead.ask(upTo: 100_000, most: 3) == 35_333)
    }

    @Test func whatAllWaitForIsReadTwice() {
        var ahead = ReadAhead<Offset>(at: 0)
        _ = ahead.ask(upTo: 1_000, most: 2)
        _ = ahead.take(0, at: 0, next: 10, sizeInBytes: 10, isFull: true)
        #expect(ahead.ask(upTo: 1_000, most: 2) == 10)
        var others = 0
        while let place = ahead.ask(upTo: 1_000, most: 2), place != 10 {
            #expect(ahead.take(place, at: place, next: place + 10, sizeInBytes: 10, isFull: true) == [])
            others += 1
        }
        #expect(others > 2)
        #expect(ahead.ask(upTo: 1_000, most: 2) == nil)
        // One of both fails: the other may still come.
        ahead.failed(at: 10)
        #expect(ahead.ask(upTo: 1_000, most: 2) == 10)
        #expect(ahead.take(10, at: 10, next: 20, sizeInBytes: 10, isFull: true).prefix(2) == [10, 20])
        #expect(ahead.take(10, at: 10, next: 20, sizeInBytes: 10, isFull: true) == [])
    }

    @Test func whatOneFetchBringsIsNotReadTwice() {
        var ahead = ReadAhead<Int>(at: 0)
        #expect(ahead.ask(upTo: 100, most: 4) == 0)
        #expect(ahead.take(1, at: 0, next: 10, sizeInBytes: 1, isFull: false) == [1])
        #expect(ahead.ask(upTo: 100, most: 4) == 10)
        #expect(ahead.ask(upTo: 100, most: 4) == nil)
    }

    /// A fetch begins with the whole of a batch, and leaves out the one that its end cuts off.
    @Test func placesAreSoFarApartThatBatchesDoNotFallBetweenThem() {
        var ahead = ReadAhead<Int>(at: 0)
        #expect(ahead.ask(upTo: 100_000, most: 4) == 0)
        _ = ahead.take(1, at: 0, next: 8_000, sizeInBytes: 8_000, longestBatchInBytes: 1_000, isFull: true)
        for place in [8_000, 14_500, 21_000] as [Offset] { #expect(ahead.ask(upTo: 100_000, most: 4) == place) }
        _ = ahead.take(1, at: 21_000, next: 29_000, sizeInBytes: 8_000, longestBatchInBytes: 8_000, isFull: true)
        #expect(ahead.ask(upTo: 100_000, most: 4) == 29_000)
        #expect(ahead.ask(upTo: 100_000, most: 4) == 33_000)
    }

    @Test func anAnswerThatNobodyAskedForIsLeft() {
        var ahead = ReadAhead<Int>(at: 5)
        #expect(ahead.take(1, at: 5, next: 6, sizeInBytes: 1, isFull: true) == [])
        #expect(ahead.ask(upTo: 10, most: 1) == 5)
        #expect(ahead.take(1, at: 5, next: 5, sizeInBytes: 1, isFull: true) == [])
        #expect(ahead.ask(upTo: 10, most: 1) == 5)
    }
}
