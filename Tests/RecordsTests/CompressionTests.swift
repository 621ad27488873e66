import CSnappy
import NIOCore
import Testing

@testable import Records

@Suite struct CompressionTests {
    private func compressed(_ text: ByteBuffer, _ codec: CompressionCodec) -> ByteBuffer {
        var target = ByteBuffer()
        text.withUnsafeReadableBytes { codec.compress($0, into: &target) }
        return target
    }

    private func rawSnappy(_ text: ByteBuffer) -> ByteBuffer {
        var target = ByteBuffer()
        text.withUnsafeReadableBytes { raw in
            var length = snappy_max_compressed_length(raw.count)
            target.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { output in
                snappy_compress(
                    raw.bindMemory(to: CChar.self).baseAddress, raw.count,
                    output.bindMemory(to: CChar.self).baseAddress, &length)
                return length
            }
        }
        return target
    }

    @Test(arguments: CompressionCodec.allCases)
    func sizesAroundBlockBordersComeBack(codec: CompressionCodec) throws {
        for size in [0, 1, 4095, 32_767, 32_768, 32_769, 65_536, 65_537, 300_000] {
            let text = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 / 5 ^ $0 >> 9) })
            #expect(try codec.decompress(compressed(text, codec)) == text, "\(size) bytes")
        }
    }

    @Test func rawSnappyIsRead() throws {
        let text = bytes(String(repeating: "a region may be lost ", count: 300))
        #expect(try CompressionCodec.snappy.decompress(rawSnappy(text)) == text)
    }

    @Test(arguments: [CompressionCodec.gzip, .lz4, .zstd])
    func framesMayFollowOneAnother(codec: CompressionCodec) throws {
        var twice = compressed(bytes("one "), codec)
        twice.writeImmutableBuffer(compressed(bytes("two"), codec))
        #expect(try codec.decompress(twice) == bytes("one two"))
    }

    @Test(arguments: [CompressionCodec.gzip, .snappy, .lz4, .zstd])
    func bombsAreRefused(codec: CompressionCodec) throws {
        let bomb = compressed(ByteBuffer(repeating: 0, count: 10_000_000), codec)
        #expect(throws: InvalidRecords.tooLarge(limitInBytes: 9_999_999)) {
            try codec.decompress(bomb, limit: 9_999_999)
        }
        #expect(try codec.decompress(bomb, limit: 10_000_000).readableBytes == 10_000_000)
    }

    @Test func lyingSnappyLengthsReserveNothing() {
        // The length of 2^32-1 in front of nothing.
        let lie = ByteBuffer(bytes: [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00])
        #expect(throws: InvalidRecords.corruptCompression(.snappy)) { try CompressionCodec.snappy.decompress(lie) }
        var framed = compressed(bytes("x"), .snappy)
        framed.setInteger(UInt32.max, at: 16)
        #expect(throws: InvalidRecords.corruptCompression(.snappy)) { try CompressionCodec.snappy.decompress(framed) }
    }

    @Test func wrongLZ4HeaderChecksumsPassInOldFormatsOnly() throws {
        let text = bytes("once hashed with its magic")
        for contentSize in [false, true] {
            var frame = compressed(text, .lz4)
            if contentSize { frame = withContentSize(frame, text.readableBytes) }
            let place = contentSize ? 14 : 6
            frame.setInteger(try #require(frame.getInteger(at: place, as: UInt8.self)) &+ 1, at: place)
            #expect(throws: InvalidRecords.corruptCompression(.lz4)) { try CompressionCodec.lz4.decompress(frame) }
            #expect(try CompressionCodec.lz4.decompress(frame, isOldFormat: true) == text)
        }
        #expect(throws: InvalidRecords.corruptCompression(.lz4)) {
            try CompressionCodec.lz4.decompress(bytes("\u{4}\u{22}M"), isOldFormat: true)
        }
    }

    /// The frame with the content's size in its header, whose checksum is then wrong.
    private func withContentSize(_ frame: ByteBuffer, _ size: Int) -> ByteBuffer {
        var longer = ByteBuffer(bytes: frame.readableBytesView.prefix(4))
        longer.writeInteger(UInt8(frame.readableBytesView[4] | 0x08))
        longer.writeInteger(UInt8(frame.readableBytesView[5]))
        longer.writeInteger(UInt64(size), endianness: .little)
        longer.writeBytes(frame.readableBytesView.dropFirst(6))
        return longer
    }
}
