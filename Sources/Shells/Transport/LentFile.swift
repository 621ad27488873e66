import NIOCore
import Seams

/// A file whose descriptor NIO borrows for one write: open until ``takeBack()``, and never closed by NIO.
struct LentFile {
    private let file: any DescriptorFile
    private let handle: NIOFileHandle

    init(_ file: any DescriptorFile) {
        self.file = file
        handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: file.descriptor)
    }

    func region(position: Int, count: Int) -> FileRegion {
        FileRegion(fileHandle: handle, readerIndex: position, endIndex: position + count)
    }

    /// Ends the loan; the write must be over.
    func takeBack() {
        do {
            _ = try handle.takeDescriptorOwnership()
        } catch {
            preconditionFailure("\(file.path) was lent for one write and given back twice or during it: \(error)")
        }
    }
}
