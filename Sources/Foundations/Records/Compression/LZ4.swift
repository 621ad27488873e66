import CLZ4
import NIOCore

/// The frame format of lz4, with independent blocks of 64 KiB, the only ones that Java clients read.
enum LZ4 {
    static func compress(_ bytes: UnsafeRawBufferPointer, level: Int?, into target: inout ByteBuffer) {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = LZ4F_max64KB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        preferences.compressionLevel = Int32(clamping: level ?? 0)
        let bound = LZ4F_compressFrameBound(bytes.count, &preferences)
        target.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { output in
            let written = LZ4F_compressFrame(
                output.baseAddress, output.count, bytes.baseAddress, bytes.count, &preferences)
            precondition(LZ4F_isError(written) == 0, "lz4 did not compress \(bytes.count) bytes within \(bound)")
            return written
        }
    }

    /// The frame with the header checksum that its bytes ask for: Java clients once computed it over the wrong ones
    /// (KAFKA-3160).
    static func checksummedRightly(_ frame: ByteBuffer) -> ByteBuffer {
        let checksum = frame.withUnsafeReadableBytes { raw -> (place: Int, value: UInt8)? in
            checksumPlace(raw).map { ($0, UInt8(truncatingIfNeeded: shortXXH32(raw[4..<$0]) >> 8)) }
        }
        var corrected = frame
        if let checksum { corrected.setInteger(checksum.value, at: frame.readerIndex + checksum.place) }
        return corrected
    }

    /// Gives the frame at `start` the header checksum that readers of magic 0 expect, computed over the frame's mark as
    /// well (KAFKA-3160).
    static func checksumWrongly(_ frame: inout ByteBuffer, at start: Int) {
        let checksum = frame.withUnsafeReadableBytes { raw -> (place: Int, value: UInt8)? in
            let bytes = UnsafeRawBufferPointer(rebasing: raw[(start - frame.readerIndex)...])
            guard let place = checksumPlace(bytes) else { return nil }
            return (place, UInt8(truncatingIfNeeded: shortXXH32(bytes[0..<place]) >> 8))
        }
        if let checksum { frame.setInteger(checksum.value, at: start + checksum.place) }
    }

    /// Where the header's checksum byte stands: after magic, flags, block size and what the flags announce.
    private static func checksumPlace(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count > 4 else { return nil }
        let flags = bytes[4]
        let place = 6 + (flags & 0x08 != 0 ? 8 : 0) + (flags & 0x01 != 0 ? 4 : 0)
        return place < bytes.count ? place : nil
    }

    /// XXH32 with seed 0 of fewer than 16 bytes.
    private static func shortXXH32(_ bytes: Slice<UnsafeRawBufferPointer>) -> UInt32 {
        func rotated(_ value: UInt32, _ by: UInt32) -> UInt32 { value << by | value >> (32 - by) }
        precondition(bytes.count < 16, "a frame descriptor of \(bytes.count) bytes")
        var hash = 374_761_393 &+ UInt32(bytes.count)
        var rest = bytes
        while rest.count >= 4 {
            let word = rest.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            hash = rotated(hash &+ word &* 3_266_489_917, 17) &* 668_265_263
            rest = rest.dropFirst(4)
        }
        for byte in rest { hash = rotated(hash &+ UInt32(byte) &* 374_761_393, 11) &* 2_654_435_761 }
        hash = (hash ^ (hash >> 15)) &* 2_246_822_519
        hash = (hash ^ (hash >> 13)) &* 3_266_489_917
        return hash ^ (hash >> 16)
    }
}

final class LZ4Decoder: StreamDecoder {
    private let context: OpaquePointer

    init() {
        var context: OpaquePointer?
        let prepared = LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(prepared) == 0, let context else { preconditionFailure("lz4 has no memory for a context") }
        self.context = context
    }

    deinit { LZ4F_freeDecompressionContext(context) }

    func restart() { LZ4F_resetDecompressionContext(context) }

    func step(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> DecompressionStep? {
        var consumed = input.count
        var produced = output.count
        let result = LZ4F_decompress(context, output.baseAddress, &produced, input.baseAddress, &consumed, nil)
        guard LZ4F_isError(result) == 0 else { return nil }
        return DecompressionStep(consumed: consumed, produced: produced, isAtFrameEnd: result == 0)
    }
}
