import CRC32C
import Testing
import WireCoding

@Suite struct ChecksumTests {
    /// Bit by bit, as the definition says.
    private static func twin(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var state = UInt32.max
        for byte in bytes {
            state ^= UInt32(byte)
            for _ in 0..<8 { state = state & 1 == 1 ? (state >> 1) ^ 0x82f6_3b78 : state >> 1 }
        }
        return ~state
    }

    @Test func vectorsOfRFC3720() {
        let readCommand: [UInt8] =
            [0x01, 0xc0] + Array(repeating: 0, count: 14) + [0x14, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18]
            + [0x28] + Array(repeating: 0, count: 7) + [2] + Array(repeating: 0, count: 7)
        let vectors: [([UInt8], UInt32)] = [
            (Array(repeating: 0, count: 32), 0x8a91_36aa),
            (Array(repeating: 0xff, count: 32), 0x62a8_ab43),
            (Array(0..<32), 0x46dd_794e),
            (Array((0..<32).reversed()), 0x113f_db5c),
            (readCommand, 0xd996_3a56),
            (Array("123456789".utf8), 0xe306_9283),
            ([], 0),
        ]
        for (bytes, expected) in vectors {
            bytes.withUnsafeBytes { raw in
                #expect(crc32c(raw) == expected)
                #expect(martlet_crc32c_portable(0, raw.baseAddress, raw.count) == expected)
            }
        }
    }

    @Test func everyLengthAndAlignmentAgreesWithTheTwin() {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<60_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let lengths = Array(0...80) + [255, 767, 768, 769, 1000, 2304, 24_575, 24_576, 24_577, 50_001]
        bytes.withUnsafeBytes { raw in
            for length in lengths {
                let start = length % 8
                let part = UnsafeRawBufferPointer(rebasing: raw[start..<start + length])
                let expected = Self.twin(part)
                #expect(crc32c(part) == expected)
                #expect(martlet_crc32c_portable(0, part.baseAddress, part.count) == expected)
                let cut = length / 3
                let first = crc32c(UnsafeRawBufferPointer(rebasing: part[..<cut]))
                #expect(crc32c(UnsafeRawBufferPointer(rebasing: part[cut...]), after: first) == expected)
            }
        }
    }

    @Test(arguments: [0, 1, 7, 40, 1000, 100_000])
    func aReplacedPartNeedsNoReadingOfTheRest(rest: Int) {
        let tail = (0..<rest).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let old = Array("the old head".utf8)
        let new = Array("the new HEAD".utf8)
        func crc(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { crc32c($0) } }
        #expect(crc32c(crc(old + tail), replacing: crc(old), with: crc(new), followedBy: rest) == crc(new + tail))
    }
}
