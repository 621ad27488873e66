import NIOCore
import Seams

/// A range of an open file that a reply carries without having been read.
package struct FileRange: Sendable {
    package var file: any File
    package var position: Int
    package var count: Int

    package init(file: any File, position: Int, count: Int) {
        self.file = file
        self.position = position
        self.count = count
    }
}

/// Record batches as a message carries them, never decoded on the way: bytes in memory, or ranges of files.
package enum RecordBytes: Sendable {
    case inMemory(ByteBuffer)
    case inFile(FileRange)

    package var count: Int {
        switch self {
        case .inMemory(let buffer): buffer.readableBytes
        case .inFile(let range): range.count
        }
    }
}
