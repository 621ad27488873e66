import CoordinatorKernel
import Logging
import NIOCore
import Platform
import Quorum
import Seams

/// What a coordinator has on its thread as a member of an ensemble, besides the kernel: its links to the others, and the
/// file that keeps what it has promised.
struct EnsembleMember {
    private let links: PeerLinks
    private let residence: Residence
    private let promises: PromiseFile
    private var kept: PromiseFile.Contents
    private let storage: CoordinatorStorage
    private let makeEmptyTree: @Sendable () -> RestoredTree
    /// To be sent at the end of the turn, in order.
    private var outbox: [MemberID: [PeerMessage]] = [:]
    /// The leader's state on its way here.
    private var receiver: SnapshotReceiver?

    init(
        _ links: PeerLinks, _ residence: Residence, _ promises: PromiseFile, kept: PromiseFile.Contents,
        _ storage: CoordinatorStorage,
        makeEmptyTree: @escaping @Sendable () -> RestoredTree
    ) {
        self.links = links
        self.residence = residence
        self.promises = promises
        self.kept = kept
        self.storage = storage
        self.makeEmptyTree = makeEmptyTree
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

    /// The tree as snapshot and log have it; the log goes on behind it.
    func restore(with sync: SyncThread) throws(StorageFailure) -> RestoredTree {
        try sync.perform(voidsEntries: false) { [storage, makeEmptyTree] log throws(StorageFailure) in
            // Closed, for what is read is cut to its end.
            try log.close()
            let recovery = try storage.recover(upTo: log.lastZxid, makeEmptyTree)
            log = recovery.log
            return recovery.state
        }
    }

    mutating func receiveSnapshot(zxid: Int64) throws(StorageFailure) {
        receiver = try SnapshotReceiver(PosixFileSystem(), storage.settings, zxid: zxid)
    }

    mutating func receive(_ chunk: ByteBuffer) throws(StorageFailure) { try receiver?.append(chunk) }

    mutating func discardSnapshot() throws(StorageFailure) {
        try receiver?.discard()
        receiver = nil
    }

    /// Puts the received state in the place of everything on the disk; nil when none was received.
    mutating func installSnapshot(with sync: SyncThread) throws(StorageFailure) -> RestoredTree? {
        guard let receiver else { return nil }
        self.receiver = nil
        return try sync.perform(voidsEntries: true) { [makeEmptyTree] log throws(StorageFailure) in
            try receiver.finish(into: makeEmptyTree(), replacing: &log)
        }
    }
}

extension EnsembleSettings {
    /// What a member starts from, with what its disk holds.
    func start(_ promise: QuorumPromise, entries: [LogEntry], snapshotZxid: Int64?) -> MemberStart {
        MemberStart(
            id: id, quorum: quorum, membership: membership, promise: promise, entries: entries,
            snapshotZxid: snapshotZxid ?? 0, seed: .random(in: .min ... .max))
    }
}
