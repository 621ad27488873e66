import CoordinatorKernel
import Seams
import ZNodes

/// A coordinator on a simulated disk: the kernel and its storage, with the threads of the server taken step by step.
package struct SimulatedCoordinator {
    package private(set) var kernel: CoordinatorKernel
    private var log: TransactionLog
    private let disk: SimulatedDisk
    private let storage: StorageSettings
    /// Handed out for appending, not yet durable.
    private var appended: [LogEntry] = []
    /// A bug that a simulation has to find: says that changes are durable before they are.
    private let saysTooEarly: Bool

    /// Restores what the disk holds.
    package init(
        _ settings: KernelSettings, on disk: SimulatedDisk, _ storage: StorageSettings, saysTooEarly: Bool = false,
        at now: Instant
    ) throws(StorageFailure) {
        self.disk = disk
        self.storage = storage
        self.saysTooEarly = saysTooEarly
        let directories = CoordinatorStorage(fileSystem: disk, settings: storage)
        try directories.prepare()
        let recovery = try directories.recover { RestoredTree(settings.tree) }
        log = recovery.log
        kernel = CoordinatorKernel(
            settings, restored: recovery.state, replayedCount: recovery.replayedCount, at: now)
    }

    /// Steps the kernel; returns what it says to clients.
    package mutating func step(
        _ event: CoordinatorEvent, at now: Instant
    ) throws(StorageFailure) -> [CoordinatorEffect] {
        var effects: [CoordinatorEffect] = []
        kernel.step(event, at: now, into: &effects)
        var said: [CoordinatorEffect] = []
        for effect in effects {
            switch effect {
            case .append(let entry):
                appended.append(entry)
                if saysTooEarly { said += try step(.synced(upTo: entry.zxid), at: now) }
            case .takeSnapshot(let state):
                said += try sync(at: now)
                try takeSnapshot(of: state)
            case .send, .authenticate, .close, .reject, .report: said.append(effect)
            case .promise, .truncate, .restore, .tell, .connect, .agreed, .receiveSnapshot, .receiveChunk,
                .loadSnapshot, .installSnapshot, .discardSnapshot, .fail:
                preconditionFailure("\(effect) of a coordinator without an ensemble")
            }
        }
        return said
    }

    /// Makes durable what has been handed out; returns what may be said then.
    package mutating func sync(at now: Instant) throws(StorageFailure) -> [CoordinatorEffect] {
        guard let last = appended.last else { return [] }
        try log.append(appended)
        appended = []
        return saysTooEarly ? [] : try step(.synced(upTo: last.zxid), at: now)
    }

    private mutating func takeSnapshot(of state: TreeState) throws(StorageFailure) {
        log.roll()
        var writer = try SnapshotWriter(disk, storage, zxid: state.lastZxid)
        for chunk in state.snapshotChunks(ofSize: 300) { try writer.append(chunk) }
        try writer.finish()
        try CoordinatorStorage(fileSystem: disk, settings: storage).purge()
    }
}
