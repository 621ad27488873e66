import ClusterModel
import NIOCore
import Testing
import WireCoding

@Suite struct PrimitiveTests {
    @Test(arguments: [0, 1, -1, 63, -64, 64, 300, Int32.max, Int32.min])
    func varintsComeBack(value: Int32) throws {
        var writer = WireWriter()
        writer.varint(value)
        writer.varlong(Int64(value) << 31)
        let (short, long) = try WireReader.read(writer.buffer()) { reader throws(MalformedInput) in
            (try reader.varint(), try reader.varlong())
        }
        #expect(short == value)
        #expect(long == Int64(value) << 31)
    }

    @Test func varintsThatDoNotEndAreRefused() {
        let bytes = ByteBuffer(repeating: 0xff, count: 11)
        #expect(throws: MalformedInput.self) {
            try WireReader.read(bytes) { r throws(MalformedInput) in try r.unsignedVarint() }
        }
        #expect(throws: MalformedInput.self) {
            try WireReader.read(bytes) { r throws(MalformedInput) in try r.varlong() }
        }
    }

    @Test func lengthsBeyondTheFrameAreRefused() {
        let bytes = ByteBuffer(repeating: 0x61, count: 4)
        for count in [-1, 5, Int.max] {
            #expect(throws: MalformedInput.self) {
                try WireReader.read(bytes) { r throws(MalformedInput) in try r.text(count) }
            }
            #expect(throws: MalformedInput.self) {
                try WireReader.read(bytes) { r throws(MalformedInput) in try r.slice(count) }
            }
            #expect(throws: MalformedInput.self) {
                try WireReader.read(bytes) { r throws(MalformedInput) in try r.skip(count) }
            }
        }
    }

    @Test func largeRecordsBecomePiecesOfTheirOwn() {
        var writer = WireWriter(capacity: 1)
        writer.int32(0)
        writer.text("before")
        writer.records(.inMemory(ByteBuffer(repeating: 7, count: 10_000)))
        writer.text("after")
        #expect(writer.count == 10_015)
        #expect(writer.pieces().map(\.count) == [10, 10_000, 5])
    }
}
