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

    static func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(InvalidRecords) -> ByteBuffer {
        var stream = z_stream()
        let prepared = martlet_inflate_init_gzip(&stream)
        precondition(prepared == Z_OK, "zlib cannot start: \(prepared)")
        defer { inflateEnd(&stream) }
        return try decompressStream(.gzip, bytes, limit: limit) { input, output in
            stream.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
            stream.avail_in = UInt32(clamping: input.count)
            stream.next_out = output.bindMemory(to: UInt8.self).baseAddress
            stream.avail_out = UInt32(clamping: output.count)
            let offered = (input: Int(stream.avail_in), output: Int(stream.avail_out))
            let result = inflate(&stream, Z_NO_FLUSH)
            let step = DecompressionStep(
                consumed: offered.input - Int(stream.avail_in), produced: offered.output - Int(stream.avail_out),
                isAtFrameEnd: result == Z_STREAM_END)
            guard result == Z_OK || result == Z_STREAM_END else { return nil }
            if step.isAtFrameEnd { inflateReset(&stream) }
            return step
        }
    }
}
