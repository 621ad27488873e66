import NIOCore
import Seams

/// The files of the transaction log, each named by the zxid of its first change. They follow each other as their names
/// do, also after a truncation: it removes every file that starts above what it keeps.
struct LogDirectory: Sendable {
    let fileSystem: any FileSystem
    let path: String

    init(_ fileSystem: any FileSystem, _ settings: StorageSettings) {
        self.fileSystem = fileSystem
        path = settings.logDirectory
    }

    func path(of firstZxid: Int64) -> String { "\(path)/\(StorageFileName.log(firstZxid: firstZxid).text)" }

    /// Ascending.
    func firstZxids() throws(FileSystemError) -> [Int64] {
        try fileSystem.list(path).compactMap { name in
            if case .log(let zxid) = StorageFileName(name) { zxid } else { nil }
        }.sorted()
    }

    /// Removes a file for good.
    func remove(_ firstZxid: Int64) throws(FileSystemError) {
        try fileSystem.remove(path(of: firstZxid))
        try fileSystem.synchronizeDirectory(path)
    }

    /// Where the file goes on from: the last zxid before its first batch. nil when a crash left it without one.
    func joint(of firstZxid: Int64) throws(StorageFailure) -> Int64? {
        let file = try onDisk { () throws(FileSystemError) in try fileSystem.open(path(of: firstZxid), .read) }
        let fault = try onDisk { () throws(FileSystemError) in
            try StorageFileHeader.fault(of: file, .log, zxid: firstZxid)
        }
        guard fault == nil else { return nil }
        var reader = try onDisk { () throws(FileSystemError) in try LogFileReader(file, firstZxid: firstZxid) }
        return try reader.next()?.header.previousZxid
    }

    /// Removes what stands behind the batch that holds `zxid`: later files, newest first, then later batches. A crash
    /// on the way leaves a log that ends somewhere between the two ends.
    func cut(after zxid: Int64) throws(StorageFailure) {
        var files = try onDisk { () throws(FileSystemError) in try firstZxids() }
        while let last = files.last, last > zxid {
            try onDisk { () throws(FileSystemError) in try remove(last) }
            files.removeLast()
        }
        guard let last = files.last else { return }
        let file = try onDisk { () throws(FileSystemError) -> (any File)? in
            // A purge may have been faster: a snapshot of `zxid` covers the file.
            guard try fileSystem.attributes(path(of: last)) != nil else { return nil }
            return try fileSystem.open(path(of: last), .readWrite)
        }
        guard let file else { return }
        var reader = try onDisk { () throws(FileSystemError) in try LogFileReader(file, firstZxid: last) }
        while reader.lastZxid < zxid {
            guard try reader.next() == nil else { continue }
            // The log may end before a snapshot that was durable earlier; but it ends cleanly.
            guard try !reader.whatFollows().isTorn else { throw reader.damage("a change cannot be read any more") }
            break
        }
        try onDisk { () throws(FileSystemError) in
            try file.truncate(to: reader.position)
            try file.synchronize()
        }
    }

    /// What keeps a file from growing to `count` bytes here; nil when nothing does.
    func lack(ofRoomFor count: Int) throws(FileSystemError) -> FileSystemError? {
        let path = "\(path)/room-check"
        var lack: FileSystemError?
        do throws(FileSystemError) {
            let file = try fileSystem.open(path, .readWrite)
            var size = 0
            try file.writeZeros(upTo: count, from: &size)
            try file.synchronize()
        } catch {
            guard error.isLackOfRoom else { throw error }
            lack = error
        }
        try fileSystem.remove(path)
        return lack
    }
}
