import NIOCore
import Records
import Testing

@testable import Mirroring

@Suite struct CopyTallyTests {
    private let begin = ContinuousClock.now

    private func load(_ timestamps: [Int64], readAt: Int64) throws -> CopyLoad {
        var builder = RecordBatchBuilder()
        for timestamp in timestamps { builder.append(timestamp: timestamp, key: nil, value: ByteBuffer(string: "v")) }
        var load = CopyLoad()
        load.add(try RecordBatch(reading: builder.finish()).header)
        load.readAtUnixMilliseconds = readAt
        return load
    }

    @Test func timesAreThoseOfTheFirstAndTheLastRecord() throws {
        var tally = CopyTally()
        tally.took(try load([1_000, 1_400, 1_800], readAt: 2_000), begin, unixMilliseconds: 2_100)
        #expect(tally.records == 3)
        #expect(tally.age.latest == 200)
        #expect(tally.age.spread(begin) == RecentSpread.Spread(least: 200, most: 1_000, mean: 600))
        #expect(tally.latency.spread(begin) == RecentSpread.Spread(least: 300, most: 1_100, mean: 700))
        // A producer whose clock goes ahead is not late.
        tally.took(try load([9_000], readAt: 2_000), begin, unixMilliseconds: 2_100)
        #expect(tally.latency.spread(begin)?.least == 0)
        #expect(tally.latency.spread(begin)?.mean == 525)
    }

    @Test func whatIsOldIsForgotten() throws {
        var tally = CopyTally()
        #expect(tally.rates(begin).records == 0)
        #expect(tally.bytes(ofRecords: 5) == nil)
        #expect(tally.bytes(ofRecords: 0) == 0)
        let one = try load([1_000, 1_000], readAt: 1_000)
        for second in 0..<90 { tally.took(one, begin + .seconds(second), unixMilliseconds: 1_000 + Int64(second)) }
        let end = begin + .seconds(90)
        #expect(tally.records == 180)
        #expect(tally.bytes == 90 * one.bytes)
        // Halves began at 30 and 60.
        #expect(tally.latency.spread(end)?.least == 60)
        #expect(tally.latency.spread(end)?.most == 89)
        #expect(abs(tally.rates(end).records - 2) < 0.2)
        #expect(abs(tally.rates(end).bytes - Double(one.bytes)) < Double(one.bytes) / 10)
        #expect(tally.bytes(ofRecords: 10) == Double(one.bytes) * 5)
        #expect(tally.latency.spread(end + .seconds(60)) == nil)
        #expect(tally.rates(end + .seconds(60)).bytes == 0)
        #expect(tally.latency.latest == 89)
    }

    @Test func markersAreNoRecords() throws {
        var builder = RecordBatchBuilder()
        builder.append(timestamp: 1_000, key: nil, value: ByteBuffer(string: "v"))
        let plain = try RecordBatch(reading: builder.finish()).header
        var header = plain
        header.attributes = BatchAttributes(isTransactional: true, isControl: true)
        var load = CopyLoad()
        load.add(header)
        #expect(load.records == 0)
        #expect(load.bytes > 0)
        #expect(load.timestamps == nil)
        var stamped = plain
        stamped.attributes = BatchAttributes(timestampType: .logAppendTime)
        stamped.maxTimestamp = 5_000
        load.add(stamped)
        #expect(load.timestamps == 5_000...5_000)
    }
}
