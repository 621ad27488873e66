import Seams

/// The disks of one machine, each mounted at a directory of its own.
///
/// Nothing is renamed from one to another, as nothing can be on a real machine.
final class MountedDisks: FileSystem {
    private let mounts: [(directory: String, disk: SimulatedDisk)]

    /// - Parameter mounts: directories of which none is inside another.
    init(_ mounts: [(directory: String, disk: SimulatedDisk)]) { self.mounts = mounts }

    private func disk(of path: String) -> SimulatedDisk {
        guard let mount = mounts.first(where: { path == $0.directory || path.hasPrefix($0.directory + "/") }) else {
            preconditionFailure("no disk is mounted for \(path)")
        }
        return mount.disk
    }

    func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any File {
        try disk(of: path).open(path, mode)
    }
    func list(_ directory: String) throws(FileSystemError) -> [String] { try disk(of: directory).list(directory) }
    func attributes(_ path: String) throws(FileSystemError) -> FileAttributes? { try disk(of: path).attributes(path) }
    func createDirectory(_ path: String) throws(FileSystemError) { try disk(of: path).createDirectory(path) }
    func remove(_ path: String) throws(FileSystemError) { try disk(of: path).remove(path) }
    func rename(_ path: String, to target: String) throws(FileSystemError) {
        try disk(of: path).rename(path, to: target)
    }
    func synchronizeDirectory(_ path: String) throws(FileSystemError) {
        try disk(of: path).synchronizeDirectory(path)
    }
}
