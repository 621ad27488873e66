import ClusterModel
import NIOCore
import Testing

@testable import Records

@Suite("Digests of ranges")
struct RangeDigestTests {
    /// From the reference implementation of MurmurHash3_x64_128 with seed 0.
    private static let vectors: [(String, UInt128)] = [
        ("", 0),
        ("hello", 0xcbd8_a7b3_41bd_9b02_5b1e_906a_48ae_1d19),
        ("The quick brown fox jumps over the lazy dog", 0xe34b_bc7b_bc07_1b6c_7a43_3ca9_c49a_9347),
    ]

    @Test("The hash is MurmurHash3", arguments: vectors)
    func knownVectors(text: String, hash: UInt128) {
        #expect(Array(text.utf8).withUnsafeBytes { Murmur128.hash($0) } == hash)
    }

    private func batch(_ values: [String], at offset: Offset, epoch: LeaderEpoch = 0) -> ByteBuffer {
        var builder = RecordBatchBuilder()
        builder.baseOffset = offset
        builder.leaderEpoch = epoch
        for value in values { builder.append(timestamp: 1, key: nil, value: ByteBuffer(string: value)) }
        return builder.finish()
    }

    private func log(_ random: inout SystemRandomNumberGenerator, epoch: LeaderEpoch = 0) -> [ByteBuffer] {
        var next: Offset = 0
        return (0..<Int.random(in: 2...12, using: &random)).map { _ in
            let values = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                "\(next)" + String(repeating: "v", count: Int.random(in: 0...40, using: &random))
            }
            defer { next += Offset(values.count) + Offset(Int.random(in: 0...2, using: &random)) }
            return batch(values, at: next, epoch: epoch)
        }
    }

    private func digest(_ batches: [ByteBuffer], _ range: Range<Offset> = 0..<Offset.max) throws -> RangeDigest {
        var digest = RangeDigest()
        for batch in batches {
            _ = try batch.withUnsafeReadableBytes { try digest.add(batchesIn: $0, of: range) }
        }
        return digest
    }

    @Test("A digest says how much there is, and nothing of leader epochs")
    func figures() throws {
        let one = try digest([batch(["a", "b"], at: 4, epoch: 1), batch(["c"], at: 9, epoch: 2)])
        #expect(one.batches == 2 && one.records == 3 && one.sum != 0)
        #expect(one.bytes == Int64(batch(["a", "b"], at: 4).readableBytes + batch(["c"], at: 9).readableBytes))
        #expect(try digest([batch(["a", "b"], at: 4, epoch: 7), batch(["c"], at: 9)]) == one)
        // So that a later version knows when it changes what others have written down.
        #expect(one.text == "a843834dd903db689591319f3a909b66")
        #expect(RangeDigest().text == String(repeating: "0", count: 32))
    }

    @Test("Batches that have changed since their checksum was made are counted")
    func corruptBatches() throws {
        var changed = batch(["c"], at: 9)
        let place = changed.writerIndex - 2
        changed.setInteger((changed.getInteger(at: place) ?? UInt8(0)) ^ 1, at: place)
        let one = try digest([batch(["a", "b"], at: 4), changed])
        #expect(one.corruptBatches == 1 && one.batches == 2)
        #expect(try digest([batch(["a", "b"], at: 4)]).corruptBatches == 0)
        #expect((one + one).corruptBatches == 2)
    }

    @Test("Ranges add up, wherever they are cut")
    func rangesAddUp() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            let batches = log(&random)
            let end = try #require(batches.last?.getInteger(at: 0, as: Int64.self)) + 10
            let whole = try digest(batches, 0..<end)
            for _ in 0..<5 {
                let cut = Offset.random(in: 0...end, using: &random)
                #expect(try digest(batches, 0..<cut) + digest(batches, cut..<end) == whole)
            }
        }
    }

    @Test("Any changed byte but a leader epoch's, a missing, repeated or moved batch makes another digest")
    func changes() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            let batches = log(&random)
            let whole = try digest(batches).sum
            let victim = Int.random(in: 0..<batches.count, using: &random)
            for place in 0..<batches[victim].readableBytes {
                // The length and the format decide how the bytes are read at all.
                if (8..<12).contains(place) || place == 16 { continue }
                var changed = batches
                let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
                let byte = try #require(changed[victim].getInteger(at: place, as: UInt8.self))
                changed[victim].setInteger(byte ^ bit, at: place)
                var sum = RangeDigest()
                for batch in changed {
                    try batch.withUnsafeReadableBytes { sum.add(try RecordBatchHeader(reading: $0), $0) }
                }
                #expect((sum.sum == whole) == (12..<16).contains(place), "byte \(place)")
            }
            var missing = batches
            missing.remove(at: victim)
            #expect(try digest(missing).sum != whole)
            #expect(try digest(batches + [batches[victim]]).sum != whole)
            var swapped = batches
            let (first, last) = (
                swapped[0].getInteger(at: 0, as: Int64.self), swapped[1].getInteger(at: 0, as: Int64.self)
            )
            swapped[0].setInteger(try #require(last), at: 0)
            swapped[1].setInteger(try #require(first), at: 0)
            // Two batches in each other's places; who reads them in another order reads the same.
            #expect(try digest(swapped).sum != whole)
            #expect(try digest(batches.reversed()).sum == whole)
        }
    }

    @Test("What is not whole batches is refused")
    func badInput() throws {
        let whole = batch(["a", "b"], at: 0)
        for length in 1..<whole.readableBytes {
            let cut = try #require(whole.getSlice(at: 0, length: length))
            #expect(throws: InvalidRecords.self) { try digest([cut]) }
        }
    }
}
