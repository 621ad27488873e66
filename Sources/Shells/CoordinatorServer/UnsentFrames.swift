import NIOCore
import WireCoding

/// What a client is to get at the end of a turn, in order. Small frames are put together at once: a hundred pieces cost
/// more than the bytes in them. Under TLS each stays a piece and becomes a record.
struct UnsentFrames {
    /// From this size on a frame is not copied.
    private static let wholeFrom = 4096

    private let mergesFrames: Bool
    private var pieces: [RecordBytes] = []
    /// The end of it; a frame that is alone shares its memory with whoever else gets it.
    private var run = ByteBuffer()

    init(mergesFrames: Bool) { self.mergesFrames = mergesFrames }

    /// Returns whether it is the first.
    mutating func append(_ frame: ByteBuffer) -> Bool {
        let isFirst = pieces.isEmpty && run.readableBytes == 0
        if frame.readableBytes >= Self.wholeFrom || !mergesFrames {
            endRun()
            pieces.append(.inMemory(frame))
        } else if run.readableBytes == 0 {
            run = frame
        } else {
            run.writeImmutableBuffer(frame)
        }
        return isFirst
    }

    private mutating func endRun() {
        guard run.readableBytes > 0 else { return }
        pieces.append(.inMemory(run))
        run = ByteBuffer()
    }

    /// All of it; nothing is left.
    mutating func take() -> [RecordBytes] {
        endRun()
        defer { pieces = [] }
        return pieces
    }
}
