import CSnappy
import NIOCore

/// Snappy, raw (as librdkafka and Go clients send it) or in the framing of snappy-java: a header of 16 bytes, then
/// blocks, each with its compressed length in four bytes. Written in the framing, which Java needs.
enum Snappy {
    /// A byte that no raw block begins with in practice, `SNAPPY`, 0; then version 1, compatible from version 1 on.
    private static let header: [UInt8] = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    private static let markInBytes = 8
    private static let blockInBytes = 32 << 10
    /// No snappy input of n bytes gives more than this times n.
    private static let largestRatio = 64

    static func compress(_ bytes: UnsafeRawBufferPointer, into target: inout ByteBuffer) {
        target.writeBytes(header)
        var rest = bytes
        while !rest.isEmpty {
            let block = UnsafeRawBufferPointer(rebasing: rest.prefix(blockInBytes))
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(blockInBytes))
            let bound = snappy_max_compressed_length(block.count)
            target.writeWithUnsafeMutableBytes(minimumWritableBytes: 4 + bound) { output in
                var length = bound
                let result = snappy_compress(
                    block.bindMemory(to: CChar.self).baseAddress, block.count,
                    output.bindMemory(to: CChar.self).baseAddress.map { $0 + 4 }, &length)
                precondition(result == SNAPPY_OK, "snappy did not compress \(block.count) bytes within \(bound)")
                output.storeBytes(of: UInt32(length).bigEndian, as: UInt32.self)
                return 4 + length
            }
        }
    }

    static func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(InvalidRecords) -> ByteBuffer {
        var output = ByteBuffer()
        guard bytes.count >= header.count, bytes.prefix(markInBytes).elementsEqual(header.prefix(markInBytes)) else {
            try decompressBlock(bytes, limit: limit, into: &output)
            return output
        }
        var position = header.count
        while position < bytes.count {
            guard bytes.count - position >= 4 else { throw .corruptCompression(.snappy) }
            let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
            position += 4
            guard length <= bytes.count - position else { throw .corruptCompression(.snappy) }
            let block = UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
            try decompressBlock(block, limit: limit, into: &output)
            position += length
        }
        return output
    }

    private static func decompressBlock(
        _ block: UnsafeRawBufferPointer, limit: Int, into output: inout ByteBuffer
    ) throws(InvalidRecords) {
        let input = block.bindMemory(to: CChar.self).baseAddress
        var length = 0
        guard snappy_uncompressed_length(input, block.count, &length) == SNAPPY_OK,
            length <= block.count * largestRatio
        else { throw .corruptCompression(.snappy) }
        guard length <= limit - output.readableBytes else { throw .tooLarge(limitInBytes: limit) }
        var result = SNAPPY_OK
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: max(length, 1)) { target in
            result = snappy_uncompress(
                input, block.count, target.bindMemory(to: CChar.self).baseAddress, &length)
            return result == SNAPPY_OK ? length : 0
        }
        guard result == SNAPPY_OK else { throw .corruptCompression(.snappy) }
    }
}
