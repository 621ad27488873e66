import BrokerKernel
import KafkaProtocol
import KafkaProtocolTransactions
import NIOCore
import Testing

@Suite("Producing")
struct ProduceTests {
    @Test("Records get offsets one after another, whatever acks says", arguments: [Int16(1), -1])
    func appends(acks: Int16) throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        #expect(try bench.produce(batch(["a", "b"]), to: "t", acks: acks).baseOffset == 0)
        #expect(try bench.produce(batch(["c"]), to: "t", acks: acks).baseOffset == 2)
        #expect(try bench.values(in: "t") == ["a", "b", "c"])
    }

    @Test("acks=0 is not answered, and ends the connection when it fails")
    func silent() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        let good = try bench.send(bench.produceRequest(batch(["a"]), to: "t", 0, acks: 0))
        #expect(bench.unanswered == [good.ticket])
        #expect(try bench.reply(to: good) == nil)
        #expect(bench.closed.isEmpty)
        #expect(try bench.values(in: "t") == ["a"])
        let bad = try bench.send(bench.produceRequest(batch(["a"]), to: "absent", 0, acks: 0), connection: 9)
        #expect(try bench.reply(to: bad) == nil)
        #expect(Array(bench.closed.keys) == [ConnectionID(9)])
    }

    @Test("Refusals name what is wrong")
    func refusals() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", configs: ["max.message.bytes": "200"])
        func error(_ bytes: ByteBuffer, to topic: String = "t", _ partition: Int32 = 0, acks: Int16 = 1) throws
            -> ErrorCode
        {
            .of(try bench.produce(bytes, to: topic, partition, acks: acks).errorCode)
        }
        #expect(try error(batch(["a"]), to: "absent") == .unknownTopicOrPartition)
        #expect(try error(batch(["a"]), 1) == .unknownTopicOrPartition)
        #expect(try error(batch(["a"]), acks: 2) == .invalidRequiredAcks)
        #expect(try error(batch([String(repeating: "x", count: 300)])) == .messageTooLarge)
        #expect(try error(ByteBuffer()) == .invalidRecord)
        var rotten = batch(["a"])
        rotten.setInteger(UInt8(0x7f), at: rotten.writerIndex - 2)
        #expect(try error(rotten) == .corruptMessage)
        #expect(try bench.values(in: "t").isEmpty)
        #expect(bench.stopReason == nil)
    }

    @Test("A partition of a request has one batch, of magic 2, as a producer makes it")
    func forms() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", configs: ["message.timestamp.after.max.ms": "1000"])
        func refusal(_ bytes: ByteBuffer) throws -> (ErrorCode, String?) {
            let told = try bench.produce(bytes, to: "t")
            return (.of(told.errorCode), told.errorMessage)
        }
        var two = batch(["a"])
        two.writeImmutableBuffer(batch(["b"]))
        let version = ProduceRequest.validVersions.upperBound
        #expect(
            try refusal(two) == (
                .invalidRecord,
                "Produce requests with version \(version) are only allowed to contain exactly one record batch per partition"
            ))
        var old = batch(["a"])
        old.setInteger(UInt8(1), at: old.readerIndex + 16)
        #expect(
            try refusal(old) == (
                .invalidRecord,
                "Produce requests with version \(version) are only allowed to contain record batches with magic version 2"
            ))
        var forged = batch(["a"])
        forged.setInteger(Int64(5), at: forged.readerIndex)
        #expect(try refusal(forged).0 == .invalidRecord)
        let late = try bench.produce(batch(["a", "b"], from: 1_700_000_001_000), to: "t")
        #expect(ErrorCode.of(late.errorCode) == .invalidTimestamp)
        #expect(late.errorMessage == "One or more records have been rejected due to invalid timestamp")
        #expect(late.recordErrors.map(\.batchIndex) == [1])
        #expect(
            late.recordErrors.first?.batchIndexErrorMessage?.hasPrefix(
                "Timestamp 1700000001001 of message with offset 1 is out of range.") == true)
        #expect(try bench.values(in: "t").isEmpty)
    }

    @Test("min.insync.replicas asks for no more replicas than there are, as in Apache Kafka 3.9")
    func moreInSyncThanReplicas() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", configs: ["min.insync.replicas": "2"])
        #expect(ErrorCode.of(try bench.produce(batch(["a"]), to: "t", acks: -1).errorCode) == .none)
    }

    @Test("An idempotent producer's repeats and gaps are known, also after a restart")
    func idempotence() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        var wish = InitProducerIdRequest()
        wish.transactionalId = nil
        let given = try bench.call(wish)
        #expect(given.errorCode == 0 && given.producerId >= 0 && given.producerEpoch == 0)
        #expect(try bench.call(wish).producerId == given.producerId + 1)
        func produce(_ values: [String], sequence: Int32) throws -> (error: ErrorCode, offset: Int64) {
            let told = try bench.produce(
                batch(values, producer: given.producerId, epoch: 0, sequence: sequence), to: "t")
            return (.of(told.errorCode), told.baseOffset)
        }
        #expect(try produce(["a", "b"], sequence: 0) == (.none, 0))
        #expect(try produce(["c"], sequence: 2) == (.none, 2))
        for isRestarted in [false, true] {
            if isRestarted { try bench.restart() }
            #expect(try produce(["c"], sequence: 2) == (.none, 2))
            #expect(try produce(["e"], sequence: 4).error == .outOfOrderSequenceNumber)
            #expect(try bench.values(in: "t") == ["a", "b", "c"])
        }
        #expect(try produce(["d"], sequence: 3) == (.none, 3))
    }

    @Test("A disk that fails stops the broker")
    func brokenDisk() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        bench.disk.inject(.init(.write, suffix: ".log"))
        #expect(ErrorCode.of(try bench.produce(batch(["a"]), to: "t").errorCode) == .kafkaStorageError)
        #expect(bench.stopReason != nil)
    }
}
