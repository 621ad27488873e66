import CoordinatorKernel
import Glibc
import NIOCore
import Quorum
import Seams
import ZNodes

/// A member of a simulated ensemble of whole coordinators: the kernel, and the storage code that servers run, on a
/// simulated disk. Its threads are taken step by step.
struct SimulatedServer {
    /// What becomes of its log.
    enum LogStep {
        case restores(base: Int64, [LogEntry])
        case appends(LogEntry)
        case truncates(after: Int64)
        case installs(Int64)
        case snapshots(Int64)
        case leads(epoch: Int32)

        var isSnapshot: Bool {
            if case .snapshots = self { true } else { false }
        }
    }

    /// What the disk's thread does, in order.
    private enum Job {
        case append([LogEntry])
        case truncate(after: Int64)
        case snapshot(TreeState)
        case restore(number: Int, upTo: Int64)
        /// Of a leader's state.
        case begin
        case chunk(ByteBuffer, number: Int)
        case load
    }

    /// The leader's state on its way here.
    private struct Arrival {
        let zxid: Int64
        /// nil before the disk's thread has begun.
        var receiver: SnapshotReceiver?
    }

    let id: MemberID
    private(set) var disk: SimulatedDisk
    /// nil while the process does not run.
    private(set) var kernel: CoordinatorKernel?
    var clock = SkewedClock()
    /// Of the process: what was planned for an earlier one means nothing.
    private(set) var life = 0
    var pausedUntil: Int64 = 0
    var longestSync = Duration.milliseconds(3)
    /// A job is planned.
    var isSyncing = false
    private let settings: KernelSettings
    private let storage = StorageSettings(
        snapshotDirectory: "/data", logDirectory: "/log", allocationSizeInBytes: 2048, logFileSizeInBytes: 8_000,
        retainedSnapshotCount: 2)
    private var log: TransactionLog?
    private var jobs: [Job] = []
    private var truncationCount = 0
    private var arrival: Arrival?
    /// The disk had no room for the first job.
    private var isStuck = false
    /// As the kernel was told last.
    private var hasRoom = true
    private var logSteps: [LogStep] = []
    private var kept = PromiseFile.Contents()
    /// The last effect that no process survives.
    private(set) var failure: String?

    init(_ id: MemberID, _ settings: KernelSettings, seed: UInt64) {
        self.id = id
        self.settings = settings
        disk = SimulatedDisk(seed: seed)
    }

    var isRunning: Bool { kernel != nil }
    var committedZxid: Int64? { kernel?.committedZxid }
    var hasEverRun: Bool { life > 0 }
    var hasJobs: Bool { !jobs.isEmpty && !isStuck }
    /// Whether it has lost nothing that it promised or acknowledged.
    var isVoting: Bool { kept.promise.standing == .voting }

    /// What became of its log since this was asked last.
    mutating func takeLogSteps() -> [LogStep] {
        defer { logSteps = [] }
        return logSteps
    }

    /// Puts an empty disk in the place of the one it had; it must not run.
    mutating func loseDisk(seed: UInt64) {
        precondition(!isRunning, "member \(id) runs, and is to lose its disk")
        disk = SimulatedDisk(seed: seed)
        kept = PromiseFile.Contents()
    }

    /// Says as operators do that nothing was ever lost here: it is as new as the others.
    func declareNew() throws(StorageFailure) {
        try CoordinatorStorage(fileSystem: disk, settings: storage).prepare()
        do throws(FileSystemError) {
            _ = try disk.open("\(storage.snapshotDirectory)/initialize", .createNew)
        } catch {
            throw .disk(error)
        }
    }

    /// Restores what the disk holds.
    ///
    /// - Parameter time: the simulation's, in nanoseconds.
    mutating func start(
        _ quorum: QuorumSettings, _ membership: Membership, seed: UInt64, at time: Int64
    ) throws(StorageFailure) {
        let directories = CoordinatorStorage(fileSystem: disk, settings: storage)
        try directories.prepare()
        kept = try PromiseFile(disk, storage).begin()
        let recovery = try directories.recover(keepsEntries: true) {
            RestoredTree(settings.tree, keepsSnapshot: true)
        }
        log = recovery.log
        let start = MemberStart(
            id: id, quorum: quorum, membership: membership, promise: kept.promise, entries: recovery.entries,
            snapshotZxid: recovery.snapshotZxid ?? 0, seed: seed)
        life += 1
        (truncationCount, isSyncing, jobs, arrival, failure) = (0, false, [], nil, nil)
        (isStuck, hasRoom) = (false, true)
        logSteps = [.restores(base: recovery.snapshotZxid ?? 0, recovery.entries)]
        kernel = CoordinatorKernel(
            settings, restored: recovery.state, replayedCount: recovery.replayedCount, memberOf: start,
            at: clock.instant(at: time))
    }

    /// What a power cut leaves, or a killed process.
    mutating func end(losesPower: Bool) {
        kernel = nil
        log = nil
        life += 1
        pausedUntil = 0
        longestSync = .milliseconds(3)
        losesPower ? disk.crash() : disk.endStop()
    }

    /// Steps the kernel through events, and performs what concerns the disk.
    ///
    /// - Returns: what it says to clients and other members.
    mutating func step(
        _ events: CoordinatorEvent..., at time: Int64
    ) throws(StorageFailure) -> [CoordinatorEffect] {
        // Taken out, for a copy would copy all that changes.
        guard var kernel = self.kernel.take() else { return [] }
        defer { self.kernel = kernel }
        let now = clock.instant(at: time)
        var effects: [CoordinatorEffect] = []
        for event in events { kernel.step(event, at: now, into: &effects) }
        kernel.step(.turnEnded, at: now, into: &effects)
        var said: [CoordinatorEffect] = []
        var next = 0
        while next < effects.count {
            let effect = effects[next]
            next += 1
            switch effect {
            case .append(let entry):
                logSteps.append(.appends(entry))
                append(entry)
            case .truncate(let zxid):
                logSteps.append(.truncates(after: zxid))
                jobs.append(.truncate(after: zxid))
            case .takeSnapshot(let state):
                logSteps.append(.snapshots(state.lastZxid))
                jobs.append(.snapshot(state))
            case .report(let news):
                if case .leading(let epoch) = news { logSteps.append(.leads(epoch: epoch)) }
                said.append(effect)
            case .promise(let promise):
                kept.promise = promise
                try PromiseFile(disk, storage).write(kept)
            case .restore(let number, let end): jobs.append(.restore(number: number, upTo: end))
            case .receiveSnapshot(let zxid):
                arrival = Arrival(zxid: zxid)
                jobs.append(.begin)
            case .receiveChunk(let chunk, let number): jobs.append(.chunk(chunk, number: number))
            case .loadSnapshot: jobs.append(.load)
            case .discardSnapshot: try discardSnapshot()
            case .installSnapshot:
                for event in try performAllJobs() { kernel.step(event, at: now, into: &effects) }
                if let zxid = try installSnapshot() {
                    logSteps.append(.installs(zxid))
                    kernel.step(.snapshotInstalled, at: now, into: &effects)
                }
            case .fail(let cause): failure = cause
            case .send, .close, .reject, .authenticate, .tell, .connect, .agreed: said.append(effect)
            }
        }
        return said
    }

    private mutating func append(_ entry: LogEntry) {
        if case .append(var entries)? = jobs.last {
            jobs.removeLast()
            entries.append(entry)
            jobs.append(.append(entries))
        } else {
            jobs.append(.append([entry]))
        }
    }

    // MARK: The disk's thread

    /// Does what has been handed to the disk's thread, as far as there is room; returns what the kernel has to hear of it.
    mutating func performJobs() throws(StorageFailure) -> [CoordinatorEvent] {
        var events: [CoordinatorEvent] = []
        while let job = jobs.first, !isStuck {
            switch job {
            case .append(let entries):
                do throws(StorageFailure) {
                    try log?.append(entries)
                } catch {
                    guard case .noRoom = error else { throw error }
                    isStuck = true
                    continue
                }
                if let last = entries.last {
                    events.append(.synced(upTo: last.zxid, truncationCount: truncationCount))
                }
            case .truncate(let zxid):
                try log?.truncate(after: zxid)
                truncationCount += 1
            case .snapshot(let state): try write(state)
            case .restore(let number, let end): events.append(.restored(try restoreTree(upTo: end), number: number))
            case .begin, .chunk, .load:
                if let event = try takeIn(job) { events.append(event) }
            }
            jobs.removeFirst()
        }
        if let log, log.isShortOfRoom == hasRoom {
            hasRoom.toggle()
            events.append(hasRoom ? .spaceCameBack : .spaceRanOut)
        }
        return events
    }

    /// Looks whether a disk that was full has room again.
    mutating func lookForRoom() throws(StorageFailure) -> [CoordinatorEvent] {
        guard !hasRoom || isStuck else { return [] }
        try log?.lookForRoom()
        isStuck = false
        return try performJobs()
    }

    /// A server would wait here for room; this one ends instead.
    private mutating func performAllJobs() throws(StorageFailure) -> [CoordinatorEvent] {
        let events = try performJobs()
        guard jobs.isEmpty else {
            throw .disk(FileSystemError(operation: "write", path: storage.logDirectory, code: ENOSPC, reason: "full"))
        }
        return events
    }

    private mutating func write(_ state: TreeState) throws(StorageFailure) {
        log?.roll()
        do throws(StorageFailure) {
            var writer = try SnapshotWriter(disk, storage, zxid: state.lastZxid)
            for chunk in state.snapshotChunks(ofSize: 300) { try writer.append(chunk) }
            try writer.finish()
            try CoordinatorStorage(fileSystem: disk, settings: storage).purge()
        } catch {
            // Without room for it the log goes on alone.
            guard case .disk(let failure) = error, failure.code == ENOSPC else { throw error }
        }
    }

    private mutating func restoreTree(upTo end: Int64) throws(StorageFailure) -> RestoredTree {
        try log?.close()
        let recovery = try CoordinatorStorage(fileSystem: disk, settings: storage).recover(upTo: log?.lastZxid) {
            RestoredTree(settings.tree, keepsSnapshot: true, upTo: end)
        }
        log = recovery.log
        return recovery.state
    }

    /// Takes in some of a leader's state. For lack of room it is given up.
    private mutating func takeIn(_ job: Job) throws(StorageFailure) -> CoordinatorEvent? {
        guard let zxid = arrival?.zxid else { return nil }
        do throws(StorageFailure) {
            switch job {
            case .begin:
                let receiver = try SnapshotReceiver(disk, storage, zxid: zxid)
                arrival?.receiver = receiver
            case .chunk(let chunk, let number):
                guard arrival?.receiver != nil else { return nil }
                try arrival?.receiver?.append(chunk)
                return .chunkTaken(zxid: zxid, number: number)
            case .load:
                let empty = RestoredTree(settings.tree)
                guard let tree = try arrival?.receiver?.load(into: empty) else { return nil }
                return .snapshotLoaded(tree)
            case .append, .truncate, .snapshot, .restore: preconditionFailure("\(job) is no part of a leader's state")
            }
            return nil
        } catch {
            guard case .disk(let failure) = error, failure.code == ENOSPC else { throw error }
            arrival = nil
            return .snapshotGivenUp(zxid: zxid)
        }
    }

    private mutating func discardSnapshot() throws(StorageFailure) {
        try arrival?.receiver?.discard()
        arrival = nil
        jobs.removeAll { job in
            switch job {
            case .begin, .chunk, .load: true
            default: false
            }
        }
    }

    /// The zxid of what was installed.
    private mutating func installSnapshot() throws(StorageFailure) -> Int64? {
        guard let arrival, let receiver = arrival.receiver, var log else { return nil }
        self.arrival = nil
        self.log = nil
        try receiver.install(replacing: &log)
        self.log = log
        truncationCount += 1
        return arrival.zxid
    }
}

extension SimulatedServer {
    var summary: String {
        guard let kernel else { return "\(id): down" }
        return "\(id): \(kernel.role), \(zxid: kernel.lastZxid)"
    }
}
