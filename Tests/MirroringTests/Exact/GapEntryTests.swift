import ClusterModel
import Mirroring
import NIOCore
import Testing
import WireCoding

@Suite struct GapEntryTests {
    private let entry = GapEntry(
        partition: TopicPartition(topic: "orders", partition: 3), gap: MirrorGap(.overtaken, 5..<260),
        foundAtUnixMilliseconds: 1_700_000_000_000, policy: .rewind, cause: "too late")

    @Test func bytes() throws {
        #expect(
            Array(entry.key.readableBytesView)
                == [0, 6] + Array("orders".utf8) + [0, 0, 0, 3, 0, 9] + Array("overtaken".utf8) + [
                    0, 0, 0, 0, 0, 0, 0, 5,
                ])
        #expect(
            Array(entry.value.readableBytesView)
                == [0, 0, 0, 0, 0, 0, 0, 0, 1, 4] + [0, 0, 1, 139, 207, 229, 104, 0] + [0, 6]
                + Array("rewind".utf8) + [0, 8] + Array("too late".utf8))
        #expect(try GapEntry(key: entry.key, value: entry.value) == entry)
    }

    @Test func everyTruncationIsRefused() throws {
        for length in 0..<entry.key.readableBytes {
            let cut = try #require(entry.key.getSlice(at: 0, length: length))
            #expect(throws: MalformedInput.self) { try GapEntry(key: cut, value: entry.value) }
        }
        for length in 0..<entry.value.readableBytes {
            let cut = try #require(entry.value.getSlice(at: 0, length: length))
            #expect(throws: MalformedInput.self) { try GapEntry(key: entry.key, value: cut) }
        }
    }

    @Test func nonsenseIsRefused() {
        var backwards = entry
        backwards.gap = MirrorGap(.overtaken, 300..<300)
        #expect(throws: MalformedInput.self) { try GapEntry(key: backwards.key, value: entry.value) }
        var other = entry.value
        other.setInteger(Int16(1), at: other.readerIndex)
        #expect(throws: MalformedInput.self) { try GapEntry(key: entry.key, value: other) }
    }

    @Test func aLongCauseIsCut() throws {
        let long = GapEntry(
            partition: entry.partition, gap: entry.gap, foundAtUnixMilliseconds: 0, policy: .stop,
            cause: String(repeating: "ä", count: 40_000))
        #expect(try GapEntry(key: long.key, value: long.value).cause == String(repeating: "ä", count: 1_000))
    }
}
