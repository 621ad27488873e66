import BrokerKernel
import ClusterModel
import Glibc
import Platform
import Seams
import SegmentedLog

/// A broker's data directories (`log.dirs`), claimed for this process as long as the object lives.
///
/// One that cannot be claimed because its disk fails is left out while another can be used.
final class DataDirectories: Sendable {
    private let paths: [String]
    private let locks: [DirectoryLock]
    private let failures: [LogStore.Failure]

    /// Claims the directories; absent ones are created.
    init(_ paths: [String]) throws {
        let paths = paths.map(Self.absolute)
        var claimed: [String] = []
        var locks: [DirectoryLock] = []
        var failures: [LogStore.Failure] = []
        for path in paths {
            do {
                try PosixFileSystem().createDirectory(path)
                locks.append(try DirectoryLock(path))
                claimed.append(path)
            } catch let error as DirectoryLock.Refusal {
                guard case .failed = error else { throw error }
                failures.append(LogStore.Failure(path: path, reason: error.description))
            } catch {
                failures.append(LogStore.Failure(path: path, reason: "\(error)"))
            }
        }
        guard !claimed.isEmpty else { throw NoUsableDirectory(failures: failures) }
        self.paths = claimed
        self.locks = locks
        self.failures = failures
    }

    /// By absolute paths others name them (`AlterReplicaLogDirs`).
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return "\(String(cString: current))/\(path)"
    }

    /// No data directory can be used.
    private struct NoUsableDirectory: Error, CustomStringConvertible {
        var failures: [LogStore.Failure]

        var description: String { failures.map { "\($0.path): \($0.reason)" }.joined(separator: "; ") }
    }

    /// The broker's id that one of the directories tells; nil when all are new.
    static func brokerID(in paths: [String]) throws -> BrokerID? {
        for path in paths {
            let file = "\(path)/\(MetaProperties.fileName)"
            guard let bytes = try PosixFileSystem().contents(of: file) else { continue }
            if let id = try MetaProperties(reading: bytes).brokerID { return id }
        }
        return nil
    }

    /// Opens the logs, recovering them where needed.
    /// - Parameter boot: names the boot of the machine; empty where it is not known.
    func open(_ settings: BrokerKernelSettings, boot: [UInt8]) throws -> sending LogStore {
        var generator = SystemRandomNumberGenerator()
        // Until the tree tells the topics' own.
        let logSettings = TopicConfigs(own: [:], broker: settings.configured).logSettings(
            producerExpirationInMilliseconds: settings.producerIDExpirationInMilliseconds)
        let owners = Dictionary(
            uniqueKeysWithValues: paths.map { path in
                let owner = LogDirectory.Owner(
                    brokerID: settings.brokerID, clusterID: settings.clusterID,
                    newDirectoryID: .random(using: &generator), boot: boot)
                return (path, owner)
            })
        return try LogStore(
            paths, fileSystem: PosixFileSystem(), owners: owners, at: SystemClock().now(), failures: failures,
            settings: { _ in logSettings })
    }
}
