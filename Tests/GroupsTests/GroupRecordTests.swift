import ClusterModel
import Glibc
import NIOCore
import Records
import Testing
import WireCoding

@testable import Groups

/// A partition of `__consumer_offsets` as Apache Kafka 3.9 wrote it: a consumer joined, committed and left.
private func apacheRecords() throws -> [Record] {
    let directory = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    let file = try #require(fopen("/\(directory)/Fixtures/consumer-offsets.log", "r"))
    defer { fclose(file) }
    var log = ByteBuffer()
    log.writeWithUnsafeMutableBytes(minimumWritableBytes: 1 << 16) { target in
        fread(target.baseAddress, 1, target.count, file)
    }
    var batches = RecordBatches(log)
    var records: [Record] = []
    while let batch = try batches.next() { records += try batch.records() }
    return records
}

@Suite struct GroupRecordTests {
    private static let consumer = "rdkafka-1834730a-6f08-47b4-bb9b-1d6905d85c57"

    @Test func apachesRecordsAreRead() throws {
        let records = try apacheRecords().map { record in
            try GroupRecord(key: try #require(record.key), value: record.value, producer: nil)
        }
        #expect(records.count == 6)
        guard case .groupStored("shipping", let group)? = records.first else {
            Issue.record("the first record is \(String(describing: records.first))")
            return
        }
        #expect(group.protocolType == "consumer" && group.generation == 1 && group.protocolName == "range")
        #expect(group.leader == Self.consumer && group.stateSince == 1_795_229_734_468)
        let member = try #require(group.members.first)
        #expect(member.id == Self.consumer && member.instanceID == nil && member.clientID == "rdkafka")
        #expect(member.clientHost == "/127.0.0.1")
        #expect(member.rebalanceTimeoutInMilliseconds == 300_000 && member.sessionTimeoutInMilliseconds == 45_000)
        #expect(member.subscription.readableBytes == 28 && member.assignment.readableBytes == 38)
        #expect(
            records[1]
                == .offsetCommitted(
                    group: "shipping", TopicPartition(topic: "orders", partition: 0),
                    CommittedOffset(offset: 400, leaderEpoch: 0, committedAt: 1_795_229_774_111), producer: nil))
    }

    @Test func whatIsWrittenIsWhatApacheWrites() throws {
        for record in try apacheRecords() {
            let key = try #require(record.key)
            let decoded = try #require(try GroupRecord(key: key, value: record.value, producer: nil))
            let encoded = try #require(decoded.encoded())
            #expect(encoded.key == key)
            #expect(encoded.value == record.value)
        }
    }

    @Test func apachesTopicIsLoaded() throws {
        var bench = GroupBench()
        bench.load(
            try apacheRecords().compactMap { record in
                try GroupRecord(key: try #require(record.key), value: record.value, producer: nil)
            })
        let registry = bench.registry
        let described = registry.description(of: "shipping")
        #expect(described.groupState == "Empty" && described.protocolType == "consumer")
        let topics = registry.committedOffsets(of: "shipping", topics: nil, requireStable: true)
        #expect(topics.map(\.name) == ["orders"])
        #expect(topics.first?.partitions.map(\.partitionIndex) == [0, 1, 2, 3])
        #expect(topics.first?.partitions.map(\.committedOffset) == [400, 200, 200, 200])
        #expect(registry.liveGroup("shipping")?.generation == 2)
    }

    @Test func olderVersionsAreRead() throws {
        var key = ByteBuffer()
        key.writeInteger(0 as Int16)
        key.writeText("g")
        key.writeText("t")
        key.writeInteger(5 as Int32)
        var value = ByteBuffer()
        value.writeInteger(1 as Int16)
        value.writeInteger(77 as Int64)
        value.writeText("note")
        value.writeInteger(1_000 as Int64)
        value.writeInteger(2_000 as Int64)
        let record = try GroupRecord(key: key, value: value, producer: nil)
        let offset = CommittedOffset(offset: 77, metadata: "note", committedAt: 1_000, expiresAt: 2_000)
        #expect(record == .offsetCommitted(group: "g", TopicPartition(topic: "t", partition: 5), offset, producer: nil))
        #expect(try #require(record?.encoded()).value == value, "an expiry of its own is kept in the version for it")
    }

    @Test func tombstonesTakeBack() throws {
        for record in [
            GroupRecord.offsetForgotten(group: "g", TopicPartition(topic: "t", partition: 1)), .groupForgotten("g"),
        ] {
            let (key, value) = try #require(record.encoded())
            #expect(value == nil)
            #expect(try GroupRecord(key: key, value: nil, producer: nil) == record)
        }
    }

    @Test(arguments: [9, 10, 15, 99] as [Int16]) func keysOfOtherGroupsArePassedOver(version: Int16) throws {
        var key = ByteBuffer()
        key.writeInteger(version)
        key.writeText("g")
        #expect(try GroupRecord(key: key, value: ByteBuffer(), producer: nil) == nil)
    }

    @Test func cutRecordsAreRefused() throws {
        for record in try apacheRecords() {
            let key = try #require(record.key)
            for length in 0..<key.readableBytes {
                let cut = try #require(key.getSlice(at: key.readerIndex, length: length))
                #expect(throws: MalformedInput.self) {
                    try GroupRecord(key: cut, value: record.value, producer: nil)
                }
            }
            guard let value = record.value else { continue }
            for length in 0..<value.readableBytes {
                let cut = try #require(value.getSlice(at: value.readerIndex, length: length))
                #expect(throws: MalformedInput.self) { try GroupRecord(key: key, value: cut, producer: nil) }
            }
        }
    }

    @Test func valuesOfTheFutureAreRefused() throws {
        let (key, _) = try #require(GroupRecord.groupForgotten("g").encoded())
        #expect(throws: MalformedInput.self) {
            try GroupRecord(key: key, value: ByteBuffer(integer: 5 as Int16), producer: nil)
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeText(_ text: String) {
        writeInteger(Int16(text.utf8.count))
        writeString(text)
    }
}
