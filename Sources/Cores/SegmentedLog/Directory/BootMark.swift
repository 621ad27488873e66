import Seams

/// Remembers in a data directory in which boot of the machine its logs are written to.
///
/// A process that is killed leaves its writes in the page cache, where the next one finds them. What another boot wrote
/// and did not sync may be lost. There is a mark from when the cluster counts on no more than what is here until the
/// logs are closed, or opened again: so what a stopped broker leaves is Apache's.
package struct BootMark: Sendable {
    static let fileName = "martlet.boot"

    private let path: String
    private let disk: any FileSystem
    /// Names the boot; empty where the machine does not tell.
    private let boot: [UInt8]

    init(of directory: String, in boot: [UInt8], on disk: any FileSystem) {
        path = directory + "/" + Self.fileName
        self.disk = disk
        self.boot = boot
    }

    /// Whether all that was ever written to the directory can still be read. Not known where the machine does not tell
    /// its boots.
    func isOfThisBoot() throws(FileSystemError) -> Bool {
        guard !boot.isEmpty else { return false }
        return try disk.contents(of: path) == boot
    }

    /// Durable on return.
    package func write() throws(FileSystemError) {
        if !boot.isEmpty { try disk.replace(path, with: boot) }
    }

    func remove() throws(FileSystemError) { try disk.remove(path) }
}
