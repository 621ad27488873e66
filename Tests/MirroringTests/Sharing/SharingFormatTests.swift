import ClusterModel
import NIOCore
import Testing
import WireCoding

@testable import Mirroring

@Suite struct SharingFormatTests {
    private static let weights: [TopicPartition: Int64] = [
        TopicPartition(topic: "orders", partition: 0): 1_000,
        TopicPartition(topic: "orders", partition: 11): 70_000_000,
        TopicPartition(topic: "payments", partition: 3): 1_000_000_000_000,
    ]
    private static let report = MemberReport(life: 7, number: 3, claims: weights, producerID: 42)
    private static let share = WorkShare(
        life: -9, partitions: weights, hasDuties: true, members: 3, meanWeight: 5_000, producerID: 42)

    @Test func whatIsWrittenIsRead() throws {
        #expect(try MemberReport(Self.report.bytes) == Self.report)
        #expect(try MemberReport(MemberReport(life: 1).bytes) == MemberReport(life: 1))
        #expect(try WorkShare(Self.share.bytes) == Self.share)
        #expect(try WorkShare(WorkShare(life: 1).bytes) == WorkShare(life: 1))
    }

    @Test func oneFormForOneReport() {
        #expect(
            Self.report.bytes
                == MemberReport(
                    life: 7, number: 3, claims: Dictionary(uniqueKeysWithValues: Self.weights.reversed()),
                    producerID: 42
                ).bytes)
    }

    @Test func whatIsCutOffOrOfALaterVersionIsRefused() {
        for bytes in [Self.report.bytes, Self.share.bytes] {
            for length in 0..<bytes.readableBytes {
                let part = bytes.getSlice(at: 0, length: length) ?? ByteBuffer()
                #expect(throws: MalformedInput.self) { try MemberReport(part) }
                #expect(throws: MalformedInput.self) { try WorkShare(part) }
            }
            var later = bytes
            later.setInteger(1 as Int16, at: 0)
            #expect(throws: MalformedInput.self) { try MemberReport(later) }
            #expect(throws: MalformedInput.self) { try WorkShare(later) }
        }
    }

    @Test func weightsAreBounded() {
        #expect(PartitionWeights.weight(bytesPerSecond: 0, lagInBytes: 0) == PartitionWeights.least)
        #expect(PartitionWeights.weight(bytesPerSecond: 2e6, lagInBytes: 3e7) == 3_000_000)
        #expect(PartitionWeights.weight(bytesPerSecond: .infinity, lagInBytes: .infinity) == 2_000_000_000_000)
        #expect(PartitionWeights.weight(bytesPerSecond: -5, lagInBytes: -5) == PartitionWeights.least)
    }
}

@Suite struct LoadMeterTests {
    private static let partition = TopicPartition(topic: "t", partition: 0)

    @Test func itFollowsWhatComes() throws {
        var meter = LoadMeter()
        let start = ContinuousClock.now
        var bytes = 500
        func look(_ second: Int, said: Int64 = 8_000_000) throws -> Int64 {
            meter.look(
                [Self.partition: .init(bytes: bytes, lagInBytes: 0)], said: [Self.partition: said],
                at: start + .seconds(second))
            return try #require(meter.weights[Self.partition])
        }
        #expect(try look(0) == 8_000_000, "what was said of it counts at first")
        var last: Int64 = 8_000_000
        for round in 1...10 {
            bytes += 5_000_000
            let now = try look(round * 5)
            #expect(now < last && now > 1_000_000)
            last = now
        }
        #expect(last < 1_300_000)
        // Begun anew, it is said once more.
        bytes = 0
        #expect(try look(60, said: 3_000) == 3_000)
        meter.look([:], said: [:], at: start + .seconds(70))
        #expect(meter.weights.isEmpty)
    }

    @Test func whatLiesBehindWeighsToo() throws {
        var meter = LoadMeter()
        let start = ContinuousClock.now
        for second in 0...1 {
            meter.look(
                [Self.partition: .init(bytes: 0, lagInBytes: 6e8)], said: [:], at: start + .seconds(second * 1_000))
        }
        #expect(try #require(meter.weights[Self.partition]) > 20_000_000)
    }
}
