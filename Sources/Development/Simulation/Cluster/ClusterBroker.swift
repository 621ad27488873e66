import BrokerKernel
import ClusterModel
import Controller
import NIOCore
import Seams
import SegmentedLog
import WireCoding

/// A machine of a simulated cluster with its disks, and the broker that runs on it, if one does.
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

    /// A disk with one data directory.
    struct DataDisk {
        let directory: String
        var disk: SimulatedDisk
        /// Broken for good: an empty one takes its place before the next process starts.
        var isLost = false
    }

    let id: BrokerID
    var disks: [DataDisk] = []
    var kernel: BrokerKernel?
    /// Whether it has a kernel; to ask that one means to copy it.
    private(set) var isRunning = false
    /// Partitions whose logs held all that was written to them when the last process began, as far as that could tell.
    private(set) var wholeLogs: Set<TopicPartition> = []
    private var bootMarks: [BootMark] = []
    private var bootCount = 0
    /// Counts the processes: what was meant for an earlier one does not reach a later one.
    var life = 0
    /// Whether it has been out of in-sync sets since it lost power or a disk; the scenario's.
    var isCatchingUp = false
    /// Stopped by a signal, or starved: does nothing, and what comes waits.
    var pausedUntil: Instant?
    /// Whether the disks may have forgotten what was written to them since the last process began; the
    /// scenario's.
    var hasLostTail = false
    var isReachingTree = true
    /// Whether a disk may fail; from then on, for what failed shows late.
    var hasDiskTrouble = false
    /// Whether it asked the controller to take its leaderships, before it stops.
    var isLeaving = false
    /// What it said that it cannot serve.
    var offline: [TopicPartition] = []
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
        for number in 1...2 {
            let directory = "/data\(number)"
            disks.append(
                DataDisk(directory: directory, disk: try Self.disk(directory, seed: seed &* 7 &+ UInt64(number))))
        }
    }

    private static func disk(_ directory: String, seed: UInt64) throws(FileSystemError) -> SimulatedDisk {
        let disk = SimulatedDisk(seed: seed)
        try disk.createDirectory(directory)
        try disk.synchronizeDirectory("/")
        return disk
    }

    /// When its kernel wants to be stepped at the latest; asked in place, for a kernel is large to copy.
    var nextDeadline: Instant? { kernel?.deadlineInPlace() }

    var hasSoundDisks: Bool { disks.allSatisfy { $0.disk.isSound } }

    /// Whether some of what its logs held is gone, or may be, and its next process has not told the others yet.
    var hasLostSomething: Bool { hasLostTail || disks.contains(where: \.isLost) }

    func start(_ settings: BrokerKernelSettings, seed: UInt64, at now: Instant) throws {
        var random = SeededRandom(seed: seed)
        for place in disks.indices where disks[place].isLost {
            disks[place].disk = try Self.disk(disks[place].directory, seed: random.next())
            disks[place].isLost = false
            hasLostTail = true
        }
        var owners: [String: LogDirectory.Owner] = [:]
        for disk in disks {
            owners[disk.directory] = LogDirectory.Owner(
                brokerID: id, clusterID: settings.clusterID, newDirectoryID: .random(using: &random),
                boot: Array("boot \(bootCount)".utf8))
        }
        let logSettings = TopicConfigs(own: [:], broker: settings.configured).logSettings(
            producerExpirationInMilliseconds: settings.producerIDExpirationInMilliseconds)
        let store = try LogStore(
            disks.map(\.directory), fileSystem: MountedDisks(disks.map { ($0.directory, $0.disk) }), owners: owners,
            at: now, settings: { _ in logSettings })
        wholeLogs = store.wholeLogs
        bootMarks = store.directories.map(\.bootMark)
        kernel = BrokerKernel(settings: settings, logStore: store, generator: random, at: now)
        isRunning = true
        life += 1
    }

    /// To be called when others count on no more than this broker has.
    func markBoot() throws(FileSystemError) { for mark in bootMarks { try mark.write() } }

    /// The machine goes down and comes up again; what was not made durable may be lost.
    func losePower() {
        for disk in disks { disk.disk.crash() }
        bootCount += 1
        hasLostTail = true
    }

    func setTime(_ now: Instant) { for disk in disks { disk.disk.setTime(unixMilliseconds: now.unixMilliseconds) } }

    /// The process is gone.
    func end() {
        kernel = nil
        isRunning = false
        life += 1
        pausedUntil = nil
        isLeaving = false
        offline = []
        incoming = [:]
        outgoing = [:]
        waitingEvents = []
        isImageDue = false
    }
}

extension BrokerKernel {
    /// What ``nextDeadline`` is: a mutating function is called on the kernel where it lies.
    fileprivate mutating func deadlineInPlace() -> Instant { nextDeadline }
}
