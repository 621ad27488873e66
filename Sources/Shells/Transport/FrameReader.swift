import NIOCore

/// Cuts a stream of bytes into frames: a length of four bytes, big-endian, then that many bytes.
///
/// Frames that arrive whole are slices of what was read. One that arrives in parts gets its memory once, when its
/// length is known and allowed; while much of it is missing it can be lent to who reads from the socket.
struct FrameReader {
    /// From so many missing bytes on a frame is worth being read into directly.
    static let longRest = 64 * 1024

    /// A length that cannot be meant.
    struct RefusedLength: Error, Equatable {
        /// The four bytes as they came.
        var length: UInt32
    }

    private enum State {
        /// Bytes of a length that is not complete, at most three.
        case length(ByteBuffer)
        /// A frame that has begun, with room for what is missing and for no more.
        case body(ByteBuffer)
        case lent(size: Int)
    }

    var maximumSize: Int
    private var state = State.length(ByteBuffer())

    init(maximumSize: Int) {
        self.maximumSize = maximumSize
    }

    /// Whether a frame has begun and not ended.
    var isInsideFrame: Bool {
        if case .length(let bytes) = state { return bytes.readableBytes > 0 }
        return true
    }

    /// Whether so much of a frame is missing that it had better be lent.
    var hasFrameToFill: Bool {
        if case .body(let body) = state { return body.writableBytes >= Self.longRest }
        return false
    }

    var isFrameLent: Bool {
        if case .lent = state { return true }
        return false
    }

    /// The frame that has begun, for the next bytes of the stream to be written into; nil when it is not worth it. It comes
    /// back by ``takeBack(_:into:)``, and before that nothing else is taken.
    mutating func lendFrame() -> ByteBuffer? {
        guard hasFrameToFill, case .body(let body) = state else { return nil }
        state = .lent(size: body.capacity)
        return body
    }

    /// Takes the frame that was lent, with what was written into it.
    /// - Returns: false when it is another buffer: who was lent the frame has lost it.
    mutating func takeBack(_ body: ByteBuffer, into frames: inout [ByteBuffer]) -> Bool {
        guard case .lent(let size) = state, body.capacity == size else { return false }
        goOn(with: body, into: &frames)
        return true
    }

    private mutating func goOn(with body: ByteBuffer, into frames: inout [ByteBuffer]) {
        if body.writableBytes == 0 {
            state = .length(ByteBuffer())
            frames.append(body)
        } else {
            state = .body(body)
        }
    }

    /// Takes the next bytes of the stream and appends the frames that are complete now.
    mutating func take(_ bytes: ByteBuffer, into frames: inout [ByteBuffer]) throws(RefusedLength) {
        var bytes = bytes
        while bytes.readableBytes > 0 {
            switch state {
            case .length(var begun):
                if begun.readableBytes == 0, try takeWhole(&bytes, into: &frames) { continue }
                state = .length(ByteBuffer())
                if var rest = bytes.readSlice(length: min(4 - begun.readableBytes, bytes.readableBytes)) {
                    begun.writeBuffer(&rest)
                }
                guard begun.readableBytes == 4 else {
                    state = .length(begun)
                    return
                }
                let size = try allowed(begun.getInteger(at: begun.readerIndex, as: UInt32.self) ?? 0)
                goOn(with: Self.body(size), into: &frames)
            case .body(var body):
                // The state lets go of the buffer first: writing to a shared one would copy it.
                state = .length(ByteBuffer())
                guard var part = bytes.readSlice(length: min(body.writableBytes, bytes.readableBytes)) else { return }
                body.writeBuffer(&part)
                goOn(with: body, into: &frames)
            case .lent:
                preconditionFailure("bytes came beside a frame that is lent")
            }
        }
    }

    /// An empty buffer with room for exactly `size` bytes.
    private static func body(_ size: Int) -> ByteBuffer {
        var memory = ByteBuffer()
        memory.reserveCapacity(size)
        memory.moveWriterIndex(to: size)
        var body = memory.readSlice(length: size) ?? ByteBuffer()
        body.moveWriterIndex(to: 0)
        return body
    }

    /// Takes one frame that lies whole in `bytes`; false when it does not.
    private func takeWhole(
        _ bytes: inout ByteBuffer, into frames: inout [ByteBuffer]
    ) throws(RefusedLength) -> Bool {
        guard let length = bytes.getInteger(at: bytes.readerIndex, as: UInt32.self) else { return false }
        let size = try allowed(length)
        guard bytes.readableBytes >= 4 + size else { return false }
        bytes.moveReaderIndex(forwardBy: 4)
        guard let frame = bytes.readSlice(length: size) else { return false }
        frames.append(frame)
        return true
    }

    private func allowed(_ length: UInt32) throws(RefusedLength) -> Int {
        guard length <= UInt32(Int32.max), Int(length) <= maximumSize else {
            throw RefusedLength(length: length)
        }
        return Int(length)
    }
}

extension FrameReader.RefusedLength {
    /// What probably happened, for the log.
    func cause(maximumSize: Int) -> String {
        let bytes = withUnsafeBytes(of: length.bigEndian) { Array($0) }
        if bytes[0] == 0x16, bytes[1] == 0x03 {
            return "a TLS hello on a plaintext listener"
        }
        if bytes.allSatisfy({ (0x20..<0x7f).contains($0) }) {
            return "text (\"\(String(decoding: bytes, as: UTF8.self))\") where a frame's length should be"
        }
        guard let size = Int32(exactly: length) else {
            return "a frame of negative length (\(Int32(bitPattern: length)))"
        }
        return "a frame of \(size) bytes, more than the \(maximumSize) allowed"
    }
}
