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

/// Runs a codec's stream decoder over `input` into one growing buffer.
///
/// The buffer grows with what really comes out, whatever sizes the input claims. Frames may follow one another.
/// - Throws: `.corruptCompression` when `step` returns nil or the input ends inside a frame, `.tooLarge`.
func decompressStream(
    _ codec: CompressionCodec, _ input: UnsafeRawBufferPointer, limit: Int,
    step: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) -> DecompressionStep?
) throws(InvalidRecords) -> ByteBuffer {
    var output = ByteBuffer()
    var rest = input
    var isAtFrameEnd = false
    while !(rest.isEmpty && isAtFrameEnd) {
        guard output.readableBytes <= limit else { throw .tooLarge(limitInBytes: limit) }
        let room = min(max(4 * input.count, output.readableBytes, 4096), limit - output.readableBytes + 1)
        var done: DecompressionStep?
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            done = step(rest, UnsafeMutableRawBufferPointer(rebasing: target[..<room]))
            return done?.produced ?? 0
        }
        guard let done, done.consumed > 0 || done.produced > 0 else { throw .corruptCompression(codec) }
        rest = UnsafeRawBufferPointer(rebasing: rest[done.consumed...])
        isAtFrameEnd = done.isAtFrameEnd
    }
    guard output.readableBytes <= limit else { throw .tooLarge(limitInBytes: limit) }
    return output
}
