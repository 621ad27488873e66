import Quorum
import Seams

/// Takes a member's damaged files out of its way, so that it fetches everything from its ensemble again.
///
/// It keeps what it has promised: before anything else it is written down that the member has lost what it once
/// acknowledged, so that it has no say until it has caught up.
package struct Rebuild {
    private let fileSystem: any FileSystem
    private let settings: StorageSettings

    package init(_ fileSystem: any FileSystem, _ settings: StorageSettings) {
        self.fileSystem = fileSystem
        self.settings = settings
    }

    /// Sets snapshots and log aside, into a folder `name` of their directories. An end on the way is made good by doing
    /// it again.
    ///
    /// - Returns: where the files are now.
    /// - Throws: `noMember` for a coordinator that stands alone: there is nobody to fetch anything from.
    package func perform(settingAsideAs name: String) throws(StorageFailure) -> [String] {
        let promises = PromiseFile(fileSystem, settings)
        var contents = try promises.read()
        guard contents != PromiseFile.Contents() else { throw .noMember(settings.snapshotDirectory) }
        contents.promise.standing = .rebuilding
        try promises.write(contents)
        return try onDisk { () throws(FileSystemError) in
            var moved: [String] = []
            for directory in Set([settings.snapshotDirectory, settings.logDirectory]).sorted() {
                let names = try fileSystem.list(directory).filter { StorageFileName($0) != nil }
                guard !names.isEmpty else { continue }
                try fileSystem.createDirectory("\(directory)/\(name)")
                for file in names {
                    try fileSystem.rename("\(directory)/\(file)", to: "\(directory)/\(name)/\(file)")
                    moved.append("\(directory)/\(name)/\(file)")
                }
                try fileSystem.synchronizeDirectory("\(directory)/\(name)")
                try fileSystem.synchronizeDirectory(directory)
            }
            return moved
        }
    }
}
