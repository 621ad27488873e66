import CZlib
import NIOCore

/// Gzip members (RFC 1952) through zlib.
enum Gzip {
    static func compress(_ bytes: UnsafeRawBufferPointer, level: Int?, into target: inout ByteBuffer) {
        var stream = z_stream()
        let level = level.map { Int32(clamping: min(max($0, 1), 9)) } ?? Z_DEFAULT_COMPRESSION
        let prepared = martlet_deflate_init_gzip(&stream, level)
        precondition(prepared == Z_OK, "zlib cannot start at level \(level): \(prepared)")
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        target.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { output in
            stream.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
            stream.avail_in = UInt32(bytes.count)
            stream.next_out = output.bindMemory(to: UInt8.self).baseAddress
            stream.avail_out = UInt32(clamping: output.count)
            let result = deflate(&stream, Z_FINISH)
            precondition(result == Z_STREAM_END, "zlib did not finish \(bytes.count) bytes within \(bound): \(result)")
            return Int(stream.total_out)
        }
    }
}

final class GzipDecoder: StreamDecoder {
    /// zlib keeps the address.
    private let stream: UnsafeMutablePointer<z_stream>

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let prepared = martlet_inflate_init_gzip(stream)
        precondition(prepared == Z_OK, "zlib cannot start: \(prepared)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    func restart() { inflateReset(stream) }

    func step(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> DecompressionStep? {
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(clamping: input.count)
        stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(clamping: output.count)
        let offered = (input: Int(stream.pointee.avail_in), output: Int(stream.pointee.avail_out))
        let result = inflate(stream, Z_NO_FLUSH)
        guard result == Z_OK || result == Z_STREAM_END else { return nil }
        let step = DecompressionStep(
            consumed: offered.input - Int(stream.pointee.avail_in),
            produced: offered.output - Int(stream.pointee.avail_out), isAtFrameEnd: result == Z_STREAM_END)
        if step.isAtFrameEnd { inflateReset(stream) }
        return step
    }
}
