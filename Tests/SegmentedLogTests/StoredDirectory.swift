import ClusterModel
import Platform
import Seams
import SegmentedLog
import Simulation

/// The data directory of a broker of Apache Kafka 3.9 that was closed (`Fixtures/log-dir`).
enum StoredDirectory {
    static let path = String(#filePath.dropLast("StoredDirectory.swift".count)) + "Fixtures/log-dir"
    static let owner = LogDirectory.Owner(
        brokerID: BrokerID(1), clusterID: "5F1dGrkjS3KA2L1IWkszJg", newDirectoryID: KafkaUUID(high: 1, low: 1))

    /// A simulated disk that has it at `/data`, durably.
    static func copied() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try copy(path, to: "/data", on: disk)
        try disk.synchronizeDirectory("/")
        return disk
    }

    private static func copy(_ directory: String, to target: String, on disk: SimulatedDisk) throws {
        try disk.createDirectory(target)
        for name in try PosixFileSystem().list(directory) {
            let path = directory + "/" + name
            if try PosixFileSystem().attributes(path)?.isDirectory == true {
                try copy(path, to: target + "/" + name, on: disk)
            } else {
                let file = try disk.open(target + "/" + name, .createNew)
                let bytes = try PosixFileSystem().contents(of: path) ?? []
                try bytes.withUnsafeBytes { try file.write($0, at: 0) }
                try file.synchronize()
            }
        }
        try disk.synchronizeDirectory(target)
    }
}
