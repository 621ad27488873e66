/// The bytes that one compressed input after another decompresses to, a window at a time: however much comes out, it
/// passes through the same memory.
final class DecodedWindow {
    /// A window that had to be larger than this, for one block of snappy, is not kept for the next input.
    private static let largestKept = 4 << 20

    private let usualSize: Int
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var decoders: [(codec: CompressionCodec, decoder: any StreamDecoder)] = []

    private var codec = CompressionCodec.none
    private var decoder: (any StreamDecoder)?
    private var rest = UnsafeRawBufferPointer(start: nil, count: 0)
    private var isAtFrameEnd = false
    /// Bytes that may still come out.
    private var allowance = 0
    private var limit = 0

    /// - Parameter usualSize: in bytes; as small as a record's head in tests.
    init(usualSize: Int) { self.usualSize = usualSize }

    deinit { memory.deallocate() }

    /// Turns to another input, which must stay where it is until all windows of it were seen.
    /// - Parameter limit: the most that it may decompress to.
    func begin(_ codec: CompressionCodec, _ input: UnsafeRawBufferPointer, limit: Int) {
        self.codec = codec
        decoder = decoder(of: codec)
        decoder?.restart()
        rest = input
        isAtFrameEnd = false
        allowance = limit
        self.limit = limit
        if memory.count > Self.largestKept { makeRoom(0, keeping: 0) }
    }

    /// The next window, which takes the place of the one before: its last bytes, `kept` of which the last window ended
    /// with, and at least one more; only those at the end of the input.
    /// - Throws: `.corruptCompression`, `.tooLarge`.
    func next(keeping kept: UnsafeRawBufferPointer) throws(InvalidRecords) -> UnsafeRawBufferPointer {
        guard let decoder else { return kept }
        if memory.isEmpty { makeRoom(usualSize, keeping: 0) }
        if let start = memory.baseAddress, let from = kept.baseAddress {
            start.copyMemory(from: from, byteCount: kept.count)
        }
        while !(rest.isEmpty && isAtFrameEnd) {
            guard let needed = decoder.neededRoom(rest) else { throw .corruptCompression(codec) }
            guard needed <= allowance else { throw .tooLarge(limitInBytes: limit) }
            if memory.count - kept.count < max(needed, 1) { makeRoom(kept.count + needed, keeping: kept.count) }
            let target = UnsafeMutableRawBufferPointer(rebasing: memory[kept.count...])
            guard let done = decoder.step(rest, into: target), done.consumed > 0 || done.produced > 0 else {
                throw .corruptCompression(codec)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[done.consumed...])
            isAtFrameEnd = done.isAtFrameEnd
            allowance -= done.produced
            guard allowance >= 0 else { throw .tooLarge(limitInBytes: limit) }
            if done.produced > 0 { return UnsafeRawBufferPointer(rebasing: memory[..<(kept.count + done.produced)]) }
        }
        return UnsafeRawBufferPointer(rebasing: memory[..<kept.count])
    }

    private func decoder(of codec: CompressionCodec) -> (any StreamDecoder)? {
        if let made = decoders.first(where: { $0.codec == codec }) { return made.decoder }
        guard let new = codec.makeDecoder() else { return nil }
        decoders.append((codec, new))
        return new
    }

    private func makeRoom(_ size: Int, keeping kept: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, usualSize), alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<kept]))
        memory.deallocate()
        memory = larger
    }
}
