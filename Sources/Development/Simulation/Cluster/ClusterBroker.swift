import BrokerKernel
import ClusterModel
import Controller
import NIOCore
import Seams
import SegmentedLog
import WireCoding

/// A machine of a simulated cluster with its disk, and the broker that runs on it, if one does.
final class ClusterBroker {
    /// A connection to this broker, from another one or from a client.
    struct Incoming {
        var sender: Endpoint
        /// Requests that are not answered yet, by their places, with the sender's tickets.
        var open: [UInt64: UInt64] = [:]
        var lastPlace: UInt64 = 0
    }

    /// Who sends and receives.
    enum Endpoint: Hashable {
        case broker(BrokerID)
        case client(Int)
    }

    static let directory = "/data"

    let id: BrokerID
    let disk: SimulatedDisk
    var kernel: BrokerKernel?
    /// Counts the processes: what was meant for an earlier one does not reach a later one.
    var life = 0
    /// Whether it has been out of in-sync sets since it lost power; the scenario's.
    var isCatchingUp = false
    /// Stopped by a signal, or starved: does nothing, and what comes waits.
    var pausedUntil: Instant?
    /// Whether the disk may have forgotten what was written to it since the last process began.
    var hasLostTail = false
    var isReachingTree = true
    /// When its session ends unless it reaches the tree again.
    var sessionEnd: Instant?
    var isImageDue = false
    var incoming: [ConnectionID: Incoming] = [:]
    /// Connections to other brokers.
    var outgoing: [BrokerID: ConnectionID] = [:]
    var waitingEvents: [BrokerKernel.Event] = []
    /// For when a tick is scheduled.
    var nextTick = Instant.never

    init(_ id: BrokerID, seed: UInt64) throws(FileSystemError) {
        self.id = id
        disk = SimulatedDisk(seed: seed)
        try disk.createDirectory(Self.directory)
        try disk.synchronizeDirectory("/")
    }

    var isRunning: Bool { kernel != nil }

    func start(_ settings: BrokerKernelSettings, seed: UInt64, at now: Instant) throws(LogDirectoryFailure) {
        var random = SeededRandom(seed: seed)
        let owner = LogDirectory.Owner(
            brokerID: id, clusterID: settings.clusterID, newDirectoryID: .random(using: &random))
        let logSettings = TopicConfigs(own: [:], broker: settings.configured).logSettings(
            producerExpirationInMilliseconds: settings.producerIDExpirationInMilliseconds)
        let logs = try LogDirectory(
            Self.directory, fileSystem: disk, owner: owner, at: now, settings: { _ in logSettings })
        kernel = BrokerKernel(settings: settings, logStore: LogStore([logs]), generator: random, at: now)
        life += 1
    }

    /// The process is gone.
    func end() {
        kernel = nil
        life += 1
        pausedUntil = nil
        incoming = [:]
        outgoing = [:]
        waitingEvents = []
        isImageDue = false
    }
}
