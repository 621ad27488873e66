import NIOCore

/// Lets reads from a socket go right into a long frame that has begun, so that only the kernel copies its bytes; all
/// others go into buffers of their own.
///
/// NIO asks for memory before each read, and hands it over with what was read. A frame is lent for that, and nobody else
/// holds it meanwhile: otherwise NIO would copy what is in it.
struct FrameAllocator: RecvByteBufferAllocator {
    private let pipe: NIOLoopBound<ConnectionPipe>
    /// For what is not of long frames, and for the beginning of each.
    private var others = AdaptiveRecvByteBufferAllocator(
        minimum: 1024, initial: SocketOptions.firstReadSize, maximum: FrameReader.longRest)

    init(_ pipe: NIOLoopBound<ConnectionPipe>) {
        self.pipe = pipe
    }

    /// nil: NIO asks for the buffer itself, and does not read into one that it keeps.
    func nextBufferSize() -> Int? { pipe.value.hasFrameToFill ? nil : others.nextBufferSize() }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        pipe.value.lendFrame() ?? others.buffer(allocator: allocator)
    }

    mutating func record(actualReadBytes: Int) -> Bool {
        if !pipe.value.isFrameLent { _ = others.record(actualReadBytes: actualReadBytes) }
        // Who says otherwise gets the buffer that NIO keeps.
        return true
    }
}
