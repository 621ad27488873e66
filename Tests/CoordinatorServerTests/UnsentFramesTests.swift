import NIOCore
import Testing
import WireCoding

@testable import CoordinatorServer

@Suite struct UnsentFramesTests {
    private func bytes(_ pieces: [RecordBytes]) -> ByteBuffer {
        var whole = ByteBuffer()
        for case .inMemory(let piece) in pieces { whole.writeImmutableBuffer(piece) }
        return whole
    }

    @Test func framesOfAllSizesLeaveInTheirOrder() {
        var frames = UnsentFrames(mergesFrames: true)
        var wanted = ByteBuffer()
        for (index, size) in [1, 90, 4095, 4096, 10_000, 3, 4, 70_000, 5].enumerated() {
            let frame = ByteBuffer(repeating: UInt8(index), count: size)
            let isFirst = frames.append(frame)
            #expect(isFirst == (index == 0))
            wanted.writeImmutableBuffer(frame)
        }
        let pieces = frames.take()
        #expect(bytes(pieces) == wanted)
        // The first three, the next two, two, one and one.
        #expect(pieces.count == 6)
    }

    @Test func nothingIsLeft() {
        var frames = UnsentFrames(mergesFrames: true)
        for text in ["first", "second"] {
            let isFirst = frames.append(ByteBuffer(string: text))
            let pieces = frames.take()
            let rest = frames.take()
            #expect(isFirst)
            #expect(bytes(pieces) == ByteBuffer(string: text))
            #expect(rest.isEmpty)
        }
    }

    /// One frame goes to many clients.
    @Test func aFrameThatOthersGetTooStaysAsItIs() {
        let event = ByteBuffer(string: "event")
        var frames = UnsentFrames(mergesFrames: true)
        _ = frames.append(event)
        _ = frames.append(ByteBuffer(string: "reply"))
        let pieces = frames.take()
        #expect(bytes(pieces) == ByteBuffer(string: "eventreply"))
        #expect(event == ByteBuffer(string: "event"))
    }

    @Test func framesUnderTLSStayApart() {
        var frames = UnsentFrames(mergesFrames: false)
        let sent = ["first", "second", "third"].map { ByteBuffer(string: $0) }
        for frame in sent { _ = frames.append(frame) }
        let pieces = frames.take().map { bytes([$0]) }
        #expect(pieces == sent)
    }
}
