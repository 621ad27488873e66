import CZstd
import NIOCore

/// Zstandard frames.
enum Zstd {
    static func compress(_ bytes: UnsafeRawBufferPointer, level: Int?, into target: inout ByteBuffer) {
        let bound = ZSTD_compressBound(bytes.count)
        let level = level.map { Int32(clamping: $0) } ?? ZSTD_defaultCLevel()
        target.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { output in
            let written = ZSTD_compress(output.baseAddress, output.count, bytes.baseAddress, bytes.count, level)
            precondition(ZSTD_isError(written) == 0, "zstd did not compress \(bytes.count) bytes within \(bound)")
            return written
        }
    }

    static func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(InvalidRecords) -> ByteBuffer {
        let context = ZSTD_createDCtx()
        precondition(context != nil, "zstd has no memory for a context")
        defer { ZSTD_freeDCtx(context) }
        return try decompressStream(.zstd, bytes, limit: limit) { input, output in
            var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
            var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let result = ZSTD_decompressStream(context, &target, &source)
            guard ZSTD_isError(result) == 0 else { return nil }
            return DecompressionStep(consumed: source.pos, produced: target.pos, isAtFrameEnd: result == 0)
        }
    }
}
