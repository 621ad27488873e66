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

    @Test func aLongFrameIsLentToBeFilled() throws {
        let size = 3 * FrameReader.longRest
        var reader = FrameReader(maximumSize: size)
        var frames: [ByteBuffer] = []
        var head = ByteBuffer(integer: UInt32(size))
        try reader.take(head, into: &frames)
        head = ByteBuffer(repeating: 1, count: FrameReader.longRest + 1)
        try reader.take(head, into: &frames)
        // The rest in two reads, of which the second ends where the frame does.
        for (count, isLast) in [(FrameReader.longRest - 1, false), (FrameReader.longRest, true)] {
            #expect(reader.hasFrameToFill)
            guard var body = reader.lendFrame() else {
                Issue.record("it is not lent")
                return
            }
            #expect(body.writableBytes == count + (isLast ? 0 : FrameReader.longRest))
            let isLentTwice = reader.lendFrame() != nil
            #expect(reader.isFrameLent && !reader.hasFrameToFill && !isLentTwice)
            let isAnotherTaken = reader.takeBack(ByteBuffer(repeating: 3, count: 10), into: &frames)
            #expect(!isAnotherTaken)
            let memory = body.withUnsafeReadableBytes { $0.baseAddress }
            body.writeRepeatingByte(2, count: count)
            #expect(body.withUnsafeReadableBytes { $0.baseAddress } == memory)
            let isTaken = reader.takeBack(body, into: &frames)
            #expect(isTaken)
        }
        #expect(!reader.isInsideFrame)
        let expected = ByteBuffer(repeating: 1, count: FrameReader.longRest + 1)
        #expect(frames.count == 1 && frames.first?.getSlice(at: 0, length: expected.readableBytes) == expected)
        #expect(frames.first?.readableBytes == size)
    }

    @Test func whatLacksLittleIsNotLent() throws {
        var reader = FrameReader(maximumSize: 1 << 20)
        var frames: [ByteBuffer] = []
        try reader.take(ByteBuffer(integer: UInt32(FrameReader.longRest)), into: &frames)
        #expect(reader.hasFrameToFill)
        try reader.take(ByteBuffer(repeating: 1, count: 1), into: &frames)
        let isLent = reader.lendFrame() != nil
        #expect(!reader.hasFrameToFill && !isLent && reader.isInsideFrame)
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
