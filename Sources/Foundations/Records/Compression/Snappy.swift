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

    /// Where the blocks begin in `bytes`; nil when they are one raw block.
    fileprivate static func headerSize(of bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= header.count, bytes.prefix(markInBytes).elementsEqual(header.prefix(markInBytes)) else {
            return nil
        }
        return header.count
    }

    /// What the block says it decompresses to; nil when it is none.
    fileprivate static func decompressedSize(of block: UnsafeRawBufferPointer) -> Int? {
        var size = 0
        let result = snappy_uncompressed_length(block.bindMemory(to: CChar.self).baseAddress, block.count, &size)
        return result == SNAPPY_OK && size <= block.count * largestRatio ? size : nil
    }
}

/// A step is a block.
final class SnappyDecoder: StreamDecoder {
    private enum Place { case start, blocks }
    private var place = Place.start

    func restart() { place = .start }

    func neededRoom(_ input: UnsafeRawBufferPointer) -> Int? {
        if place == .start, Snappy.headerSize(of: input) != nil { return 0 }
        return block(of: input).flatMap(Snappy.decompressedSize)
    }

    func step(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> DecompressionStep? {
        if place == .start, let size = Snappy.headerSize(of: input) {
            place = .blocks
            return DecompressionStep(consumed: size, produced: 0, isAtFrameEnd: true)
        }
        guard let block = block(of: input) else { return nil }
        var produced = output.count
        let result = snappy_uncompress(
            block.bindMemory(to: CChar.self).baseAddress, block.count,
            output.bindMemory(to: CChar.self).baseAddress, &produced)
        guard result == SNAPPY_OK else { return nil }
        let consumed = place == .start ? input.count : 4 + block.count
        return DecompressionStep(consumed: consumed, produced: produced, isAtFrameEnd: true)
    }

    private func block(of input: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard place == .blocks else { return input }
        guard input.count >= 4 else { return nil }
        let size = Int(UInt32(bigEndian: input.loadUnaligned(as: UInt32.self)))
        return size <= input.count - 4 ? UnsafeRawBufferPointer(rebasing: input[4..<4 + size]) : nil
    }
}
