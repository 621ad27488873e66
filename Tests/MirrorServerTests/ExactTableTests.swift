import ClusterModel
import KafkaProtocol
import Mirroring
import NIOCore
import Records
import Testing

@testable import MartletClient
@testable import MirrorServer

@Suite struct ExactTableTests {
    private static let partition = TopicPartition(topic: "orders", partition: 0)
    private static let broker = BrokerID(1)
    private static let id = KafkaUUID(high: 1, low: 2)

    private func table() -> ExactTable {
        let table = ExactTable(health: LinkHealth(link: "a->b", logger: silent))
        table.follow([Self.partition: Self.broker])
        return table
    }

    /// Both ends hold `end` offsets; the source may have more.
    private func locate(_ table: ExactTable, end: Offset = 0) {
        #expect(table.toLocate(Self.broker, now: .now + .seconds(60)) == [Self.partition])
        #expect(table.toLocate(Self.broker, now: .now + .seconds(60)).isEmpty)
        table.located(
            Self.partition, ExactEntry.Mirror(topicID: Self.id, homeEpoch: 0),
            ExactPartition.TargetLog(topicID: Self.id, start: 0, end: end),
            ExactPartition.SourceLog(topicID: Self.id, leaderEpoch: 3, start: 0, firstBatch: 0, end: 1_000))
    }

    private func claim(_ table: ExactTable) -> ExactTable.Claim {
        table.claim(Self.broker, lanes: 4, now: .now + .seconds(60))
    }

    /// - Parameter isFull: about as long as an answer may be.
    private func answer(
        _ offsets: Range<Offset>, highWatermark: Offset = 1_000, isFull: Bool = false
    ) -> RawFetch.Partition {
        let value = isFull ? ByteBuffer(repeating: 0, count: (4 << 20) / offsets.count) : nil
        var builder = RecordBatchBuilder()
        builder.baseOffset = offsets.lowerBound
        builder.leaderEpoch = 3
        for _ in offsets { builder.append(timestamp: 0, key: nil as ByteBuffer?, value: value) }
        return RawFetch.Partition(
            partition: Self.partition, error: .none, records: builder.finish(), highWatermark: highWatermark,
            lastStableOffset: highWatermark, logStart: 0, aborted: [])
    }

    @Test func farPartitionsAreReadAheadAndSentInOrder() {
        let table = table()
        locate(table)
        let first = claim(table)
        #expect(first.positions.map(\.offset) == [0])
        #expect(first.leaderEpochs == [Self.partition: 3] && first.topicIDs == ["orders": Self.id])
        #expect(claim(table).positions.isEmpty)
        #expect(table.take([answer(0..<10, isFull: true)], of: first) == [Self.partition])

        let claims = (0..<5).map { _ in claim(table) }
        // Batches so long that a fetch brings only half for certain.
        #expect(claims.map { $0.positions.first?.offset } == [10, 15, 20, 25, nil])
        // What comes too early is held back.
        #expect(table.take([answer(20..<25)], of: claims[2]).isEmpty)
        #expect(table.take([answer(15..<20)], of: claims[1]).isEmpty)
        #expect(table.take([answer(10..<15)], of: claims[0]) == [Self.partition])
        let outgoing = table.toSend([Self.partition])
        #expect(outgoing.map(\.append.expectedEnd) == [0, 10, 15, 20])
        #expect(outgoing.map(\.append.end) == [10, 15, 20, 25])
        #expect(table.underWayInBytes == outgoing.reduce(0) { $0 + $1.append.sizeInBytes })

        // While somebody sends, nobody else does.
        #expect(table.take([answer(25..<30)], of: claims[3]) == [Self.partition])
        #expect(table.toSend([Self.partition]).isEmpty)
        table.sent(outgoing)
        #expect(table.toSend([Self.partition]).map(\.append.expectedEnd) == [25])
    }

    @Test func whatIsGivenBackIsReadAgain() {
        let table = table()
        locate(table)
        let first = claim(table)
        table.giveBack(first)
        let second = claim(table)
        #expect(second.positions.map(\.offset) == [0])
        // An answer that does not speak of it gives it back too.
        #expect(table.take([], of: second).isEmpty)
        #expect(claim(table).positions.map(\.offset) == [0])
    }

    @Test func whatWasSentBeforeAnInterruptionIsNotLookedAt() throws {
        let table = table()
        locate(table)
        #expect(table.take([answer(0..<10)], of: claim(table)) == [Self.partition])
        let lost = try #require(table.toSend([Self.partition]).first)
        table.sent([lost])
        #expect(table.take([answer(10..<20)], of: claim(table)) == [Self.partition])
        table.release(bytes: lost.append.sizeInBytes)
        table.interrupt(Self.partition, generation: lost.generation, reason: "a test")
        // What was not sent yet is not under way any more.
        #expect(table.underWayInBytes == 0 && table.toSend([Self.partition]).isEmpty)
        table.acknowledged(
            Self.partition, generation: lost.generation, ExactPartition.Told(logStart: 0, end: 10))
        locate(table, end: 10)
        #expect(claim(table).positions.map(\.offset) == [10])
    }

    @Test func aPartitionThatComesBackIsAnother() throws {
        let table = table()
        locate(table)
        #expect(table.take([answer(0..<10)], of: claim(table)) == [Self.partition])
        let old = try #require(table.toSend([Self.partition]).first)
        table.follow([:])
        table.follow([Self.partition: Self.broker])
        table.acknowledged(Self.partition, generation: old.generation, ExactPartition.Told(logStart: 0, end: 10))
        locate(table, end: 10)
        table.interrupt(Self.partition, generation: old.generation, reason: "too late")
        #expect(claim(table).positions.map(\.offset) == [10])
    }

    @Test func gapsWaitForTheLedger() {
        let table = table()
        #expect(table.toLocate(Self.broker, now: .now) == [Self.partition])
        table.located(
            Self.partition, ExactEntry.Mirror(topicID: Self.id, homeEpoch: 0),
            ExactPartition.TargetLog(topicID: Self.id, start: 0, end: 10),
            ExactPartition.SourceLog(topicID: Self.id, leaderEpoch: 3, start: 50, firstBatch: 50, end: 60))
        let gap = MirrorGap(.overtaken, 10..<50)
        #expect(table.foundGaps().map(\.gap) == [gap])
        #expect(claim(table).positions.isEmpty)
        #expect(table.preparations(Self.broker, now: .now).isEmpty)
        #expect(table.recorded(Self.partition, gap, under: .continue) == .beginAtSource)
        #expect(table.recorded(Self.partition, gap, under: .continue) == nil)
        let emptying = table.preparations(Self.broker, now: .now + .seconds(60))
        #expect(emptying.map(\.append.logStart) == [10] && emptying.allSatisfy { $0.append.records == nil })
        table.acknowledged(
            Self.partition, generation: emptying[0].generation, ExactPartition.Told(logStart: 10, end: 10))
        let beginning = table.preparations(Self.broker, now: .now + .seconds(60))
        #expect(beginning.map(\.append.logStart) == [50])
        table.acknowledged(
            Self.partition, generation: emptying[0].generation, ExactPartition.Told(logStart: 50, end: 50))
        #expect(claim(table).positions.map(\.offset) == [50])
    }

    @Test func topicsThatCannotBeMendedAreNamed() {
        let table = table()
        #expect(table.toLocate(Self.broker, now: .now) == [Self.partition])
        table.located(
            Self.partition, ExactEntry.Mirror(topicID: Self.id, homeEpoch: 0),
            ExactPartition.TargetLog(topicID: Self.id, start: 0, end: 10),
            ExactPartition.SourceLog(
                topicID: KafkaUUID(high: 1, low: 3), leaderEpoch: 0, start: 0, firstBatch: 0, end: 60))
        #expect(table.recorded(Self.partition, MirrorGap(.recreated, 0..<10), under: .rewind) == .mirrorAnew)
        #expect(table.topicsToMirrorAnew() == ["orders"])
        table.restart("orders")
        #expect(table.topicsToMirrorAnew().isEmpty && table.restarts == 1)
        #expect(table.toLocate(Self.broker, now: .now) == [Self.partition])
    }

    @Test func whatTheTargetHasCommittedIsToldToTheSource() throws {
        let table = table()
        table.follow([Self.partition: Self.broker], synchronous: ["orders"])
        locate(table)
        #expect(table.confirmations(for: Self.broker, includesKnown: true).isEmpty, "the target has told nothing yet")
        #expect(table.take([answer(0..<10)], of: claim(table)) == [Self.partition])
        let sent = try #require(table.toSend([Self.partition]).first)
        table.acknowledged(
            Self.partition, generation: sent.generation,
            ExactPartition.Told(logStart: 0, end: 10, highWatermark: 4))
        #expect(table.confirmations(for: BrokerID(2), includesKnown: false).isEmpty)
        let first = try #require(table.confirmations(for: Self.broker, includesKnown: false).first)
        #expect(first.partition == Self.partition && first.end == 4 && first.leaderEpoch == 3)
        #expect(first.mirror.topicID == Self.id)
        table.told(first, .degraded)
        #expect(table.figures().partitions.map(\.synchrony) == [.degraded])
        #expect(table.confirmations(for: Self.broker, includesKnown: false).isEmpty)
        #expect(table.confirmations(for: Self.broker, includesKnown: true).map(\.end) == [4])

        // Nothing is under way that would tell of the rest.
        let awaiting = table.awaitingCommit(for: Self.broker)
        #expect(awaiting.map(\.partition) == [Self.partition])
        #expect(awaiting.map(\.end) == [10])
        var stale = awaiting[0]
        stale.generation += 1
        table.stands(stale, ExactPartition.Told(logStart: 0, end: 10, highWatermark: 10))
        #expect(table.confirmations(for: Self.broker, includesKnown: false).isEmpty)
        table.stands(awaiting[0], ExactPartition.Told(logStart: 0, end: 10, highWatermark: 10))
        #expect(table.confirmations(for: Self.broker, includesKnown: false).map(\.end) == [10])
        #expect(table.awaitingCommit(for: Self.broker).isEmpty)

        // In doubt nothing is told, and of ordinary topics never.
        table.interrupt(Self.partition, generation: sent.generation, reason: "a test")
        #expect(table.confirmations(for: Self.broker, includesKnown: true).isEmpty)
        locate(table, end: 10)
        table.follow([Self.partition: Self.broker])
        #expect(table.confirmations(for: Self.broker, includesKnown: true).isEmpty)
        #expect(table.figures().partitions.map(\.synchrony) == [nil])
    }

    /// The target's leader has died with what it alone had, and the source has nothing more that would show it.
    @Test func whatTheTargetLosesBeforeItIsCommittedIsCopiedAgain() throws {
        let table = table()
        locate(table)
        #expect(table.take([answer(0..<10)], of: claim(table)) == [Self.partition])
        let sent = try #require(table.toSend([Self.partition]).first)
        table.acknowledged(
            Self.partition, generation: sent.generation, ExactPartition.Told(logStart: 0, end: 10, highWatermark: 4))
        let awaited = try #require(table.awaitingCommit(for: Self.broker).first)
        table.stands(awaited, ExactPartition.Told(logStart: 0, end: 10, highWatermark: 6))
        #expect(table.awaitingCommit(for: Self.broker).count == 1)
        #expect(table.toLocate(Self.broker, now: .now + .seconds(60)).isEmpty)

        table.stands(awaited, ExactPartition.Told(logStart: 0, end: 6, highWatermark: 6))
        #expect(table.awaitingCommit(for: Self.broker).isEmpty)
        #expect(table.toLocate(Self.broker, now: .now + .seconds(60)) == [Self.partition])
    }

    /// Somebody has deleted the mirror topic, and it was made again: nothing is committed late, it is simply gone.
    @Test func whatStandsStillIsAskedFor() throws {
        let table = table()
        #expect(table.standingStill().isEmpty)
        locate(table)
        #expect(table.standingStill().isEmpty)
        #expect(table.take([answer(0..<10)], of: claim(table)) == [Self.partition])
        let sent = try #require(table.toSend([Self.partition]).first)
        #expect(table.standingStill().isEmpty)
        table.acknowledged(
            Self.partition, generation: sent.generation, ExactPartition.Told(logStart: 0, end: 10, highWatermark: 10))
        let still = try #require(table.standingStill().first)
        #expect(still.end == 10 && table.awaitingCommit(for: Self.broker).isEmpty)
        table.stands(still, ExactPartition.Told(logStart: 0, end: 12, highWatermark: 10))
        #expect(table.toLocate(Self.broker, now: .now + .seconds(60)).isEmpty)
        table.stands(still, ExactPartition.Told(logStart: 0, end: 0, highWatermark: 0))
        #expect(table.toLocate(Self.broker, now: .now + .seconds(60)) == [Self.partition])
    }

    @Test func whatIsNotTheLinksAnyMoreFailsNoMore() {
        let health = LinkHealth(link: "a->b", logger: silent)
        let table = ExactTable(health: health)
        for end: (ExactTable) -> Void in [
            { $0.follow([:]) }, { $0.own([]) }, { $0.restart(Self.partition.topic) },
        ] {
            table.own(nil)
            table.follow([Self.partition: Self.broker])
            table.postpone(Self.partition, reason: "it is gone")
            #expect(health.faults == ["\(Self.partition)": "it is gone"])
            end(table)
            #expect(health.faults.isEmpty)
        }
    }

    @Test func whatIsReadKeepsToTheLimits() throws {
        let busy = Self.partition
        let other = TopicPartition(topic: "other", partition: 0)
        let table = ExactTable(
            health: LinkHealth(link: "a->b", logger: silent),
            limits: Bandwidth.Limits(link: 1_000_000_000, topic: 1_024))
        table.follow([busy: Self.broker, other: Self.broker])
        #expect(table.toLocate(Self.broker, now: .now).count == 2)
        for partition in [busy, other] {
            table.located(
                partition, ExactEntry.Mirror(topicID: Self.id, homeEpoch: 0),
                ExactPartition.TargetLog(topicID: Self.id, start: 0, end: 0),
                ExactPartition.SourceLog(topicID: Self.id, leaderEpoch: 3, start: 0, firstBatch: 0, end: 1_000))
        }
        let first = claim(table)
        #expect(Set(first.positions.map(\.partition)) == [busy, other])
        #expect(first.mostBytes == 100_000_000 && first.mostBytesOfPartition == 16_384)
        // A thousand records are more than a second's worth of a kilobyte.
        let large = answer(0..<1_000, highWatermark: 2_000)
        #expect(large.records.readableBytes > 4_096)
        #expect(table.take([large], of: first) == [busy])
        let soon = table.claim(Self.broker, lanes: 4, now: .now + .seconds(1))
        #expect(soon.positions.map(\.partition) == [other])
        table.giveBack(soon)
        let later = table.claim(Self.broker, lanes: 4, now: .now + .seconds(600))
        #expect(Set(later.positions.map(\.partition)) == [busy, other])
    }
}
