import Seams

/// Which boot of the machine this is.
package enum MachineBoot {
    /// The bytes by which the kernel tells this boot from all others: those of a UUID, and a line's end. A container has
    /// its host's.
    package static func id(at path: String = "/proc/sys/kernel/random/boot_id") throws(FileSystemError) -> [UInt8] {
        let file = try PosixFileSystem().open(path, .read)
        // The kernel does not say how long the file is.
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
        defer { target.deallocate() }
        let count = try file.read(into: target, at: 0)
        return Array(target[..<count])
    }
}
