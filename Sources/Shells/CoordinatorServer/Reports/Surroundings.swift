import CoordinatorKernel
import Glibc
import Seams

/// What a coordinator knows of itself and its machine without asking the kernel.
struct Surroundings: Sendable {
    /// The release of Apache ZooKeeper whose behaviour is offered: clients choose what they use by it.
    static let version = "3.9.5-martlet"

    let settings: CoordinatorSettings
    let fileSystem: any FileSystem
    let traceMask = TraceMask()

    /// Names and values, in the order of Apache ZooKeeper.
    var environment: [(name: String, value: String)] {
        var system = utsname()
        uname(&system)
        func text<Tuple>(_ tuple: Tuple) -> String {
            withUnsafeBytes(of: tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return [
            ("zookeeper.version", Self.version), ("host.name", text(system.nodename)),
            ("os.name", text(system.sysname)), ("os.arch", text(system.machine)), ("os.version", text(system.release)),
        ]
    }

    var snapshotDirectorySize: Int { size(of: settings.storage.snapshotDirectory) }
    var logDirectorySize: Int { size(of: settings.storage.logDirectory) }

    /// Bytes of all files in a directory; 0 where it cannot be read.
    private func size(of directory: String) -> Int {
        do throws(FileSystemError) {
            var size = 0
            for name in try fileSystem.list(directory) {
                size += try fileSystem.attributes("\(directory)/\(name)")?.sizeInBytes ?? 0
            }
            return size
        } catch {
            return 0
        }
    }

    /// The newest snapshot on the disk; nil when there is none, or none that can be looked at.
    var lastSnapshot: (zxid: Int64, unixSeconds: Int64)? {
        do throws(FileSystemError) {
            let directory = settings.storage.snapshotDirectory
            var newest: (zxid: Int64, unixSeconds: Int64)?
            for name in try fileSystem.list(directory) {
                guard case .snapshot(let zxid) = StorageFileName(name), zxid > newest?.zxid ?? -1,
                    let attributes = try fileSystem.attributes("\(directory)/\(name)")
                else { continue }
                newest = (zxid, attributes.modifiedUnixMilliseconds / 1000)
            }
            return newest
        } catch {
            return nil
        }
    }
}
