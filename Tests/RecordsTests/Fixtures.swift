import Glibc
import NIOCore
import Testing

@testable import Records

/// A file of `Fixtures/`: segments that Apache Kafka 3.9 wrote.
func fixture(_ name: String) throws -> ByteBuffer {
    let path = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    let file = try #require(fopen("/\(path)/Fixtures/\(name)", "r"))
    defer { fclose(file) }
    var contents = ByteBuffer()
    contents.writeWithUnsafeMutableBytes(minimumWritableBytes: 1 << 20) { target in
        fread(target.baseAddress, 1, target.count, file)
    }
    return contents
}

/// All batches, each with a sound CRC, up to the last byte.
func soundBatches(_ buffer: ByteBuffer) throws -> [RecordBatch] {
    var batches = RecordBatches(buffer)
    var all: [RecordBatch] = []
    while let batch = try batches.next() {
        try batch.checkCRC()
        all.append(batch)
    }
    #expect(batches.position == buffer.readableBytes)
    return all
}

func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

/// A generator whose numbers follow from its seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(upTo count: Int) -> ByteBuffer {
        let range = UInt8(0)...(Bool.random(using: &self) ? 3 : 255)
        return ByteBuffer(
            bytes: (0..<Int.random(in: 0...count, using: &self)).map { _ in .random(in: range, using: &self) })
    }

    mutating func record(offset: Int64, timestamp: Int64) -> Record {
        let headers = (0..<Int.random(in: 0...3, using: &self)).map { _ in
            RecordHeader(
                name: "name \(next() % 5)", value: Int.random(in: 0..<4, using: &self) == 0 ? nil : bytes(upTo: 9))
        }
        return Record(
            offset: offset, timestamp: timestamp, key: Int.random(in: 0..<4, using: &self) == 0 ? nil : bytes(upTo: 20),
            value: Int.random(in: 0..<4, using: &self) == 0 ? nil : bytes(upTo: 300), headers: headers)
    }
}
