import NIOCore
import Testing

@testable import Transport

@Suite struct FrameReaderTests {
    private func stream(_ frames: [[UInt8]]) -> ByteBuffer {
        var bytes = ByteBuffer()
        for frame in frames {
            bytes.writeInteger(UInt32(frame.count))
            bytes.writeBytes(frame)
        }
        return bytes
    }

    private static let frames: [[UInt8]] = [
        [], [1], [2, 3], Array(repeating: 7, count: 300), [], Array(0...255), [9],
    ]

    @Test func manyAtOnceAreCut() throws {
        var reader = FrameReader(maximumSize: 1000)
        var frames: [ByteBuffer] = []
        try reader.take(stream(Self.frames), into: &frames)
        #expect(frames.map { Array($0.readableBytesView) } == Self.frames)
        #expect(!reader.isInsideFrame)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7, 64, 301])
    func anyPartitionOfTheStreamGivesTheSameFrames(_ step: Int) throws {
        var reader = FrameReader(maximumSize: 1000)
        var frames: [ByteBuffer] = []
        var bytes = stream(Self.frames)
        while bytes.readableBytes > 0 {
            let part = bytes.readSlice(length: min(step, bytes.readableBytes))
            try reader.take(part ?? ByteBuffer(), into: &frames)
        }
        #expect(frames.map { Array($0.readableBytesView) } == Self.frames)
    }

    @Test func aFrameInPartsGetsItsMemoryOnce() throws {
        var reader = FrameReader(maximumSize: 1 << 20)
        var frames: [ByteBuffer] = []
        var head = ByteBuffer()
        head.writeInteger(UInt32(1 << 20))
        head.writeRepeatingByte(1, count: 10)
        try reader.take(head, into: &frames)
        #expect(reader.isInsideFrame)
        for _ in 0..<1023 { try reader.take(ByteBuffer(repeating: 2, count: 1024), into: &frames) }
        #expect(frames.isEmpty)
        try reader.take(ByteBuffer(repeating: 2, count: 1014), into: &frames)
        #expect(frames.count == 1)
        #expect(frames.first?.capacity == 1 << 20)
    }

    @Test(arguments: [1001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as [UInt32])
    func lengthsThatCannotBeMeantAreRefusedBeforeMemoryIsTaken(_ length: UInt32) {
        for isDripped in [false, true] {
            var reader = FrameReader(maximumSize: 1000)
            var frames: [ByteBuffer] = []
            var bytes = ByteBuffer(integer: length)
            #expect(throws: FrameReader.RefusedLength(length: length)) {
                while let part = bytes.readSlice(length: isDripped ? 1 : 4) { try reader.take(part, into: &frames) }
            }
            #expect(frames.isEmpty)
        }
    }

    @Test(
        arguments: [
            (0x1603_0100, "a TLS hello on a plaintext listener"),
            (0x4745_5420, "text (\"GET \") where a frame's length should be"),
            (0xffff_ffff, "a frame of negative length (-1)"),
            (0x0000_ffff, "a frame of 65535 bytes, more than the 1000 allowed"),
        ] as [(UInt32, String)])
    func theCauseSaysWhatProbablyHappened(_ length: UInt32, _ cause: String) {
        #expect(FrameReader.RefusedLength(length: length).cause(maximumSize: 1000) == cause)
    }
}
