import ClusterModel
import Mirroring
import NIOCore
import Testing
import WireCoding

@Suite struct RecordFormatTests {
    @Test func offsetSyncs() throws {
        let sync = OffsetSync(
            partition: TopicPartition(topic: "orders", partition: 3), upstreamOffset: 258, downstreamOffset: 7)
        #expect(Array(sync.key.readableBytesView) == [0, 6] + Array("orders".utf8) + [0, 0, 0, 3])
        #expect(Array(sync.value.readableBytesView) == [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 7])
        #expect(try OffsetSync(key: sync.key, value: sync.value) == sync)
    }

    @Test func checkpoints() throws {
        let checkpoint = Checkpoint(
            group: "g", partition: TopicPartition(topic: "us.t", partition: 1), upstreamOffset: 5, downstreamOffset: 4,
            metadata: "m")
        #expect(Array(checkpoint.key.readableBytesView) == [0, 1, 0x67, 0, 4] + Array("us.t".utf8) + [0, 0, 0, 1])
        #expect(
            Array(checkpoint.value.readableBytesView)
                == [0, 0] + [0, 0, 0, 0, 0, 0, 0, 5] + [0, 0, 0, 0, 0, 0, 0, 4] + [0, 1, 0x6d])
        #expect(try Checkpoint(key: checkpoint.key, value: checkpoint.value) == checkpoint)
    }

    @Test func heartbeats() throws {
        let heartbeat = Heartbeat(source: "us", target: "eu", unixMilliseconds: 1_700_000_000_000)
        #expect(Array(heartbeat.key.readableBytesView) == [0, 2, 0x75, 0x73, 0, 2, 0x65, 0x75])
        #expect(heartbeat.value.readableBytes == 10)
        #expect(try Heartbeat(key: heartbeat.key, value: heartbeat.value) == heartbeat)
    }

    @Test func everyTruncationIsRefused() throws {
        let checkpoint = Checkpoint(
            group: "group", partition: TopicPartition(topic: "topic", partition: 1), upstreamOffset: 5,
            downstreamOffset: 4, metadata: "metadata")
        let heartbeat = Heartbeat(source: "us", target: "eu", unixMilliseconds: 1)
        func cut(_ buffer: ByteBuffer, _ length: Int) throws -> ByteBuffer {
            try #require(buffer.getSlice(at: 0, length: length))
        }
        for length in 0..<checkpoint.key.readableBytes {
            #expect(throws: MalformedInput.self) {
                try Checkpoint(key: cut(checkpoint.key, length), value: checkpoint.value)
            }
        }
        for length in 0..<checkpoint.value.readableBytes {
            #expect(throws: MalformedInput.self) {
                try Checkpoint(key: checkpoint.key, value: cut(checkpoint.value, length))
            }
        }
        for length in 0..<heartbeat.key.readableBytes {
            #expect(throws: MalformedInput.self) {
                try Heartbeat(key: cut(heartbeat.key, length), value: heartbeat.value)
            }
        }
    }
}
