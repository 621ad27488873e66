import ClusterModel
import KafkaProtocol
import Mirroring
import NIOCore
import Records
import Testing

@testable import MartletClient
@testable import MirrorServer

@Suite struct PartitionTableTests {
    private static let broker = BrokerID(1)
    private static let partition = TopicPartition(topic: "orders", partition: 0)
    private static let remote = TopicPartition(topic: "us-east.orders", partition: 0)

    private func table() throws -> PartitionTable {
        let plan = TopicPlan(
            source: "us-east", target: "eu-west", policy: ReplicationPolicy(),
            topics: try NameSelection(including: [".*"]),
            excludedSettings: try NameSelection(including: []), copiesHeartbeats: false, synchronizesSettings: false)
        let table = PartitionTable(plan: plan, health: LinkHealth(link: "us-east->eu-west", logger: silent))
        follow(table)
        return table
    }

    private func follow(_ table: PartitionTable) {
        table.follow([Self.partition: PartitionTable.Place(remote: Self.remote, leader: Self.broker)])
    }

    private func locate(_ table: PartitionTable) {
        let later = ContinuousClock.now + .seconds(60)
        #expect(table.toLocate(Self.broker, now: later).map(\.source) == [Self.partition])
        // Other lanes do not ask as well.
        #expect(table.toLocate(Self.broker, now: later).isEmpty)
        table.located([
            Self.partition: PartitionTable.Located(
                target: PartitionCopy.TargetEnd(offset: 0, last: nil), source: 0...100,
                spareProducer: SpareProducer(id: 33))
        ])
    }

    private func claim(_ table: PartitionTable) -> PartitionTable.Claim {
        table.claim(Self.broker, lanes: 4, now: .now + .seconds(60))
    }

    /// A batch of these offsets, a megabyte or short.
    private func answer(_ offsets: Range<Offset>, isFull: Bool = true) -> RawFetch.Partition {
        let value = isFull ? ByteBuffer(repeating: 0, count: (1 << 20) / offsets.count) : nil
        var builder = RecordBatchBuilder()
        builder.baseOffset = offsets.lowerBound
        for _ in offsets { builder.append(timestamp: 0, key: nil as ByteBuffer?, value: value) }
        return RawFetch.Partition(
            partition: Self.partition, error: .none, records: builder.finish(), highWatermark: 100,
            lastStableOffset: 100, logStart: 0, aborted: [])
    }

    private func sequences(_ outgoing: [PartitionTable.Outgoing]) throws -> [Int32] {
        try outgoing.flatMap(\.batches).map { try RecordBatch(reading: $0.bytes).header.baseSequence }
    }

    @Test func farPartitionsAreReadAheadAndSentInOrder() throws {
        let table = try table()
        locate(table)
        let first = claim(table)
        #expect(first.positions.map(\.offset) == [0])
        #expect(claim(table).positions.isEmpty)
        #expect(table.take([answer(0..<10)], of: first) == [Self.partition])

        let claims = (0..<5).map { _ in claim(table) }
        // Batches so long that a fetch brings only half for certain.
        #expect(claims.map { $0.positions.first?.offset } == [10, 15, 20, 25, nil])
        // What comes too early is held back.
        #expect(table.take([answer(20..<25)], of: claims[2]).isEmpty)
        #expect(table.take([answer(15..<20)], of: claims[1]).isEmpty)
        #expect(table.take([answer(10..<15)], of: claims[0]) == [Self.partition])
        let outgoing = table.toSend([Self.partition])
        #expect(try sequences(outgoing) == [0, 10, 15, 20])
        #expect(table.underWayInBytes == outgoing.flatMap(\.batches).reduce(0) { $0 + $1.bytes.readableBytes })

        // While somebody sends, nobody else does.
        #expect(table.take([answer(25..<30)], of: claims[3]) == [Self.partition])
        #expect(table.toSend([Self.partition]).isEmpty)
        table.sent(outgoing)
        #expect(try sequences(table.toSend([Self.partition])) == [25])
    }

    @Test func whatIsGivenBackIsReadAgain() throws {
        let table = try table()
        locate(table)
        table.giveBack(claim(table))
        let second = claim(table)
        #expect(second.positions.map(\.offset) == [0])
        // An answer that does not speak of it gives it back too.
        #expect(table.take([], of: second).isEmpty)
        #expect(claim(table).positions.map(\.offset) == [0])
    }

    @Test func anInterruptionLeavesNothingToSend() throws {
        let table = try table()
        locate(table)
        let first = claim(table)
        #expect(table.take([answer(0..<10)], of: first) == [Self.partition])
        let late = claim(table)
        table.interrupt(Self.partition, generation: late.generations[Self.partition] ?? -1, code: nil, reason: "test")
        #expect(table.underWayInBytes == 0 && table.toSend([Self.partition]).isEmpty)
        locate(table)
        #expect(table.take([answer(10..<20)], of: late).isEmpty)
        #expect(claim(table).positions.map(\.offset) == [0])
    }

    @Test func whatWasAskedOfATopicThatIsGoneIsNotTakenForOneOfTheSameName() throws {
        let table = try table()
        locate(table)
        let early = claim(table)
        table.follow([:])
        follow(table)
        locate(table)
        #expect(table.take([answer(0..<10)], of: early).isEmpty)
        #expect(claim(table).positions.map(\.offset) == [0])
    }

    @Test func whatIsSearchedForIsLookedForInOrder() throws {
        let table = try table()
        let last = try RecordBatch(reading: answer(10..<20).records)
        _ = table.toLocate(Self.broker, now: .now + .seconds(60))
        table.located([
            Self.partition: PartitionTable.Located(
                target: PartitionCopy.TargetEnd(offset: 20, last: (last.header, last.mark)), source: 0...100,
                spareProducer: SpareProducer(id: 33))
        ])
        let first = claim(table)
        #expect(table.take([answer(0..<10)], of: first).isEmpty)
        let second = claim(table)
        #expect(second.positions.map(\.offset) == [10])
        #expect(claim(table).positions.isEmpty)
        // It was found; from there on it is copied, and read ahead.
        #expect(table.take([answer(10..<20)], of: second).isEmpty)
        let third = claim(table)
        #expect(third.positions.map(\.offset) == [20])
        #expect(table.take([answer(20..<30)], of: third) == [Self.partition])
        #expect([claim(table), claim(table)].map { $0.positions.first?.offset } == [30, 35])
    }
}
