import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolGroups
import NIOCore
import Records
import Seams
import WireCoding

/// Producers and a group that count on a broker whose power fails, whose process is killed, and whose disk errs.
///
/// Each producer numbers its records in a partition of its own and sends again what was not acknowledged. The oracle
/// knows nothing of the broker: after whatever has happened a partition holds the numbers from 0 on, each once, at
/// least those acknowledged and at most those sent; and the group's offset is between the last one acknowledged and
/// the last one sent.
package struct BrokerRun {
    private static let topic = "counts"
    private static let group = "counters"

    private struct Producer {
        var partition: Int32
        /// Records sent and acknowledged; what lies between travels in one batch.
        var sent: Int32 = 0
        var acknowledged: Int32 = 0
    }

    private let disk: SimulatedDisk
    private var random: SeededRandom
    private let broker: SimulatedBroker
    private var producers: [Producer] = []
    private var sentOffset: Offset = 0
    private var acknowledgedOffset: Offset = -1
    /// What the broker did that it must not.
    package private(set) var violations: [String] = []
    package private(set) var acknowledgedCount = 0
    package private(set) var restartCount = 0
    /// Of all that was read back.
    package private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Lives through `lives` ends of the broker. The same seed does the same in every process.
    ///
    /// - Parameter syncsBeforeAnswers: false plants a bug that shows as violations.
    package init(seed: UInt64, lives: Int = 5, syncsBeforeAnswers: Bool = true) throws {
        disk = SimulatedDisk(seed: seed)
        random = SeededRandom(seed: seed)
        var configured = ["log.segment.bytes": "900", "log.index.interval.bytes": "200", "log.roll.jitter.ms": "0"]
        if syncsBeforeAnswers { configured["log.flush.interval.messages"] = "1" }
        broker = try SimulatedBroker(disk: disk, seed: seed, configured: configured)
        producers = (0..<3).map { Producer(partition: $0) }
        try createTopic()
        for _ in 0..<lives { try live() }
    }

    // MARK: - One life

    private mutating func live() throws {
        let failsSync = Bool.random(using: &random)
        if failsSync {
            disk.inject(.init(.synchronize, suffix: "", after: Int.random(in: 0...60, using: &random)))
        } else {
            disk.stop(afterChanges: Int.random(in: 1...250, using: &random))
        }
        while broker.stopReason == nil { try act() }
        // What a failed sync has lost is still to be read until the machine starts anew, and no process can tell.
        try end(losesPower: failsSync || Bool.random(using: &random))
        check()
    }

    private mutating func act() throws {
        switch Int.random(in: 0..<12, using: &random) {
        case 0: broker.advance(by: .milliseconds(Int.random(in: 1...6000, using: &random)))
        case 1, 2: try commit()
        default: try produce(Int.random(in: 0..<producers.count, using: &random))
        }
    }

    /// The process or the machine goes, perhaps again while it starts.
    private mutating func end(losesPower: Bool) throws {
        restartCount += 1
        if Int.random(in: 0..<4, using: &random) == 0 {
            losesPower ? disk.crash() : disk.endStop()
            disk.stop(afterChanges: Int.random(in: 0...20, using: &random))
            do {
                try broker.kill()
            } catch {
                // As it should be: the start met the stopped disk.
            }
        }
        disk.endStop()
        if losesPower { try broker.cutPower() } else { try broker.kill() }
        for index in producers.indices { try produce(index) }
    }

    // MARK: - What clients do

    private func createTopic() throws {
        var topic = CreateTopicsRequest.CreatableTopic()
        topic.name = Self.topic
        topic.numPartitions = Int32(producers.count)
        topic.replicationFactor = 1
        var request = CreateTopicsRequest()
        request.topics = [topic]
        _ = try broker.call(request, version: 7)
        var find = FindCoordinatorRequest()
        find.coordinatorKeys = [Self.group]
        _ = try broker.call(find, version: 4)
    }

    /// Sends the next records, or again those whose fate is not known.
    private mutating func produce(_ index: Int) throws {
        var producer = producers[index]
        if producer.sent == producer.acknowledged { producer.sent += Int32.random(in: 1...4, using: &random) }
        var builder = RecordBatchBuilder()
        builder.producerID = ProducerID(100 + index)
        builder.producerEpoch = 0
        builder.baseSequence = producer.acknowledged
        for number in producer.acknowledged..<producer.sent {
            builder.append(
                timestamp: broker.now.unixMilliseconds, key: nil, value: ByteBuffer(string: "\(number)"))
        }
        var data = ProduceRequest.PartitionProduceData()
        data.index = producer.partition
        data.records = .inMemory(builder.finish())
        var topic = ProduceRequest.TopicProduceData()
        topic.name = Self.topic
        topic.partitionData = [data]
        var request = ProduceRequest()
        request.acks = -1
        request.topicData = [topic]
        let call = try broker.send(request, version: 9)
        if let answer = try broker.answer(to: call)?.responses[0].partitionResponses[0], answer.errorCode == 0 {
            if answer.baseOffset != Offset(producer.acknowledged) {
                violations.append(
                    "record \(producer.acknowledged) of partition \(index) was acknowledged at \(answer.baseOffset)")
            }
            producer.acknowledged = producer.sent
            acknowledgedCount += 1
        }
        producers[index] = producer
    }

    private mutating func commit() throws {
        if sentOffset == acknowledgedOffset { sentOffset += 1 }
        var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
        partition.committedOffset = sentOffset
        var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
        topic.name = Self.topic
        topic.partitions = [partition]
        var request = OffsetCommitRequest()
        request.groupId = Self.group
        request.topics = [topic]
        let call = try broker.send(request, version: 7)
        if let answer = try broker.answer(to: call), answer.topics[0].partitions[0].errorCode == 0 {
            acknowledgedOffset = sentOffset
            acknowledgedCount += 1
        }
    }

    // MARK: - The oracle

    private mutating func check() {
        do {
            for producer in producers {
                let numbers = try read(producer.partition)
                for number in numbers { digest = (digest ^ UInt64(number)) &* 0x100_0000_01b3 }
                if numbers != Array(0..<Int32(numbers.count)) {
                    violations.append("partition \(producer.partition) holds \(numbers)")
                } else if !(producer.acknowledged...producer.sent).contains(Int32(numbers.count)) {
                    violations.append(
                        "partition \(producer.partition) holds \(numbers.count) records, acknowledged "
                            + "\(producer.acknowledged), sent \(producer.sent)")
                }
            }
            let offset = try committedOffset()
            if offset < acknowledgedOffset || offset > sentOffset {
                violations.append("the group is at \(offset), acknowledged \(acknowledgedOffset), sent \(sentOffset)")
            }
        } catch {
            violations.append("cannot be read: \(error)")
        }
    }

    private func read(_ partition: Int32) throws -> [Int32] {
        var numbers: [Int32] = []
        var offset: Offset = 0
        while true {
            var wanted = FetchRequest.FetchPartition()
            wanted.partition = partition
            wanted.fetchOffset = offset
            wanted.partitionMaxBytes = 300
            var topic = FetchRequest.FetchTopic()
            topic.topic = Self.topic
            topic.partitions = [wanted]
            var request = FetchRequest()
            request.maxBytes = 1 << 20
            request.sessionEpoch = -1
            request.topics = [topic]
            guard let answer = try broker.call(request, version: 12)?.responses.first?.partitions.first,
                case .inMemory(let bytes)? = answer.records, bytes.readableBytes > 0
            else { return numbers }
            var batches = RecordBatches(bytes)
            while let batch = try batches.next() {
                try batch.checkCRC()
                var records = try RecordIterator(batch)
                while let record = try records.next() {
                    numbers.append(record.value.flatMap { Int32(String(buffer: $0)) } ?? -1)
                }
                offset = batch.header.nextOffset
            }
        }
    }

    private func committedOffset() throws -> Offset {
        var request = OffsetFetchRequest()
        request.groupId = Self.group
        request.topics = nil
        return try broker.call(request, version: 7)?.topics.first?.partitions.first?.committedOffset ?? -1
    }
}
