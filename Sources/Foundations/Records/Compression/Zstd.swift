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
}

final class ZstdDecoder: StreamDecoder {
    private let context: OpaquePointer

    init() {
        guard let context = ZSTD_createDCtx() else { preconditionFailure("zstd has no memory for a context") }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    func restart() { ZSTD_DCtx_reset(context, ZSTD_reset_session_only) }

    func step(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> DecompressionStep? {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let result = ZSTD_decompressStream(context, &target, &source)
        guard ZSTD_isError(result) == 0 else { return nil }
        return DecompressionStep(consumed: source.pos, produced: target.pos, isAtFrameEnd: result == 0)
    }
}
