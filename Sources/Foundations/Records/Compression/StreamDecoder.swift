import NIOCore

/// What one call of a codec's stream decoder did.
struct DecompressionStep {
    /// Input bytes used.
    var consumed: Int
    /// Output bytes written.
    var produced: Int
    /// Whether a frame has just ended: the only place where the input may end.
    var isAtFrameEnd: Bool
}

/// Decompresses one input after another, each in steps.
protocol StreamDecoder: AnyObject {
    /// Forgets the input it was at, wherever it was in it.
    func restart()
    /// The least output that the next step has to be offered, as `input`, all that is left, claims; nil when the claim
    /// cannot be true.
    func neededRoom(_ input: UnsafeRawBufferPointer) -> Int?
    /// Decompresses some of `input`, all that is left; nil when it is no such stream.
    func step(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> DecompressionStep?
}

extension StreamDecoder {
    func neededRoom(_ input: UnsafeRawBufferPointer) -> Int? { 0 }
}

extension CompressionCodec {
    /// nil for `none`.
    func makeDecoder() -> (any StreamDecoder)? {
        switch self {
        case .none: nil
        case .gzip: GzipDecoder()
        case .snappy: SnappyDecoder()
        case .lz4: LZ4Decoder()
        case .zstd: ZstdDecoder()
        }
    }

    /// Decompresses all of `input` into one growing buffer.
    ///
    /// The buffer grows with what really comes out, whatever sizes the input claims. Frames may follow one another.
    /// - Throws: `.corruptCompression`, also when the input ends inside a frame; `.tooLarge`.
    func decompressStream(
        _ input: UnsafeRawBufferPointer, limit: Int, with decoder: any StreamDecoder
    ) throws(InvalidRecords) -> ByteBuffer {
        var output = ByteBuffer()
        var rest = input
        var isAtFrameEnd = false
        while !(rest.isEmpty && isAtFrameEnd) {
            guard output.readableBytes <= limit else { throw .tooLarge(limitInBytes: limit) }
            guard let needed = decoder.neededRoom(rest) else { throw .corruptCompression(self) }
            guard needed <= limit - output.readableBytes else { throw .tooLarge(limitInBytes: limit) }
            let wished = max(4 * input.count, output.readableBytes, 4096)
            let room = max(needed, min(wished, limit - output.readableBytes + 1))
            var done: DecompressionStep?
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                done = decoder.step(rest, into: UnsafeMutableRawBufferPointer(rebasing: target[..<room]))
                return done?.produced ?? 0
            }
            guard let done, done.consumed > 0 || done.produced > 0 else { throw .corruptCompression(self) }
            rest = UnsafeRawBufferPointer(rebasing: rest[done.consumed...])
            isAtFrameEnd = done.isAtFrameEnd
        }
        guard output.readableBytes <= limit else { throw .tooLarge(limitInBytes: limit) }
        return output
    }
}
