import CoordinatorKernel
import Logging
import NIOCore
import Platform
import Quorum
import Seams
import ZNodes

/// What a coordinator has on its thread as a member of an ensemble, besides the kernel: its links to the others, and the
/// file that keeps what it has promised.
struct EnsembleMember {
    private let links: PeerLinks
    private let residence: Residence
    private let promises: PromiseFile
    private var kept: PromiseFile.Contents
    private let storage: CoordinatorStorage
    private let tree: ZNodesSettings
    private let logger: Logger
    /// Tells the kernel what has been done.
    private let tellKernel: @Sendable (CoordinatorEvent) -> Void
    /// To be sent at the end of the turn, in order.
    private var outbox: [MemberID: [PeerMessage]] = [:]
    /// The leader's state on its way here.
    private(set) var arrival: ArrivingSnapshot?

    init(
        _ links: PeerLinks, _ residence: Residence, _ promises: PromiseFile, kept: PromiseFile.Contents,
        _ storage: CoordinatorStorage, tree: ZNodesSettings, logger: Logger,
        tell: @escaping @Sendable (CoordinatorEvent) -> Void
    ) {
        self.links = links
        self.residence = residence
        self.promises = promises
        self.kept = kept
        self.storage = storage
        self.tree = tree
        self.logger = logger
        tellKernel = tell
    }

    mutating func tell(_ member: MemberID, _ message: PeerMessage) { outbox[member, default: []].append(message) }

    mutating func sendAll() {
        for (member, messages) in outbox { links.send(messages, to: member) }
        outbox.removeAll(keepingCapacity: true)
    }

    func connect(_ membership: Membership) {
        links.update(membership)
        residence.tell(.proposed(membership))
    }

    func agreed(on membership: Membership) { residence.tell(.agreed(membership)) }

    /// Durable on return.
    mutating func keep(_ promise: QuorumPromise) throws(StorageFailure) {
        kept.promise = promise
        try promises.write(kept)
    }

    /// Belongs to this ensemble from now on, durable on return.
    mutating func belong(to ensemble: [UInt8]) throws(StorageFailure) {
        guard ensemble != kept.ensemble else { return }
        kept.ensemble = ensemble
        try promises.write(kept)
        links.adopt(ensemble: ensemble)
    }

    // MARK: The tree from elsewhere

    /// Restores the tree as snapshot and log have it up to `end` once all before is durable; the log keeps everything.
    func restore(number: Int, upTo end: Int64, with sync: SyncThread) {
        sync.perform(.afterEntries) { [storage, tree, tellKernel] log throws(StorageFailure) in
            // Closed, for what is read is cut to its end.
            try log.close()
            let recovery = try storage.recover(upTo: log.lastZxid) {
                RestoredTree(tree, keepsSnapshot: true, upTo: end)
            }
            log = recovery.log
            tellKernel(.restored(recovery.state, number: number))
        }
    }

    mutating func receiveSnapshot(zxid: Int64, with sync: SyncThread) {
        arrival = ArrivingSnapshot(
            zxid: zxid, storage.settings, tree: tree, sync: sync, logger: logger, tell: tellKernel)
    }

    mutating func discardSnapshot() {
        arrival?.discard()
        arrival = nil
    }

    /// Puts the received state in the place of everything on the disk; false when none has been loaded.
    mutating func installSnapshot() throws(StorageFailure) -> Bool {
        defer { arrival = nil }
        return try arrival?.install() ?? false
    }
}

extension EnsembleSettings {
    /// What a member starts from, with what its disk holds.
    func start(
        _ promise: QuorumPromise, entries: [LogEntry], snapshotZxid: Int64?, takenOverZxid: Int64?
    ) -> MemberStart {
        MemberStart(
            id: id, quorum: quorum, membership: membership, promise: promise, entries: entries,
            snapshotZxid: snapshotZxid ?? 0, takenOverZxid: takenOverZxid, seed: .random(in: .min ... .max))
    }
}
