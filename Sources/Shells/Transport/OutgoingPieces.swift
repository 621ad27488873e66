import NIOCore
import Seams
import WireCoding

/// What a connection has still to send, in order, and how it is cut into writes.
///
/// On plaintext connections file ranges of some size go to the kernel as they are; all else is gathered in one running
/// buffer, so that many small replies become one write, unless each is to be one.
struct OutgoingPieces {
    /// From this size on a file range is worth a system call of its own (measured: half the CPU of copying).
    static let regionFrom = 16 * 1024
    /// From this size on a buffer is written as it is instead of being copied into the running one.
    private static let wholeFrom = 8 * 1024
    /// The running buffer is written when it has grown to this size.
    static let runSize = 256 * 1024

    enum Write {
        case bytes(ByteBuffer)
        case region(DescriptorRange)
    }

    /// A range that the kernel copies from file to socket; holds the file open.
    struct DescriptorRange {
        var file: any DescriptorFile
        var position: Int
        var count: Int
    }

    private let sendsRegions: Bool
    private let mergesPieces: Bool
    private var pieces = CircularBuffer<RecordBytes>()
    private(set) var count = 0

    init(sendsRegions: Bool, mergesPieces: Bool) {
        self.sendsRegions = sendsRegions
        self.mergesPieces = mergesPieces
    }

    var isEmpty: Bool { pieces.isEmpty }

    mutating func append(_ added: some Sequence<RecordBytes>) {
        for piece in added where piece.count > 0 {
            pieces.append(piece)
            count += piece.count
        }
    }

    mutating func removeAll() {
        pieces.removeAll()
        count = 0
    }

    /// The next write of at most about ``runSize`` bytes (regions and large buffers: whatever they hold); nil when all
    /// is written. Throws when a file cannot be read or ends too early.
    mutating func next() throws(FileSystemError) -> Write? {
        var run = ByteBuffer()
        while let piece = pieces.first {
            switch piece {
            case .inMemory(let buffer):
                if buffer.readableBytes >= Self.wholeFrom || !mergesPieces {
                    guard run.readableBytes == 0 else { return .bytes(run) }
                    drop(buffer.readableBytes)
                    return .bytes(buffer)
                }
                drop(buffer.readableBytes)
                if run.readableBytes == 0, pieces.isEmpty { return .bytes(buffer) }
                run.writeImmutableBuffer(buffer)
            case .inFile(let range):
                if sendsRegions, range.count >= Self.regionFrom, let file = range.file as? any DescriptorFile {
                    guard run.readableBytes == 0 else { return .bytes(run) }
                    drop(range.count)
                    return .region(DescriptorRange(file: file, position: range.position, count: range.count))
                }
                let taken = min(range.count, Self.runSize - run.readableBytes)
                try Self.read(range, taken, into: &run)
                shorten(range, by: taken)
            }
            if run.readableBytes >= Self.runSize { return .bytes(run) }
        }
        return run.readableBytes > 0 ? .bytes(run) : nil
    }

    private mutating func drop(_ bytes: Int) {
        pieces.removeFirst()
        count -= bytes
    }

    private mutating func shorten(_ range: FileRange, by taken: Int) {
        count -= taken
        if taken == range.count {
            pieces.removeFirst()
        } else {
            pieces[pieces.startIndex] = .inFile(
                FileRange(file: range.file, position: range.position + taken, count: range.count - taken))
        }
    }

    private static func read(_ range: FileRange, _ count: Int, into run: inout ByteBuffer) throws(FileSystemError) {
        var failure: FileSystemError?
        let read = run.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { space in
            do throws(FileSystemError) {
                return try range.file.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: space[..<count]), at: range.position)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        guard read == count else {
            throw FileSystemError(
                operation: "read", path: range.file.path, code: 0,
                reason: "it ends \(count - read) bytes before what was to be sent from \(range.position)")
        }
    }
}
