import NIOCore
import Quorum
import Seams
import WireCoding
import ZNodes

/// How the kernel lets the quorum decide, and what becomes of what the quorum wants.
extension CoordinatorKernel {
    mutating func stepQuorum(
        _ event: QuorumEvent, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        var wanted: [QuorumEffect] = []
        ensemble?.quorum.step(event, at: now, into: &wanted)
        for effect in wanted { perform(effect, at: now, into: &effects) }
        serveIfReady(at: now, into: &effects)
        tellAgreement(into: &effects)
    }

    /// Says which ensemble the members have agreed on, as soon as that cannot be taken back any more.
    private mutating func tellAgreement(into effects: inout [CoordinatorEffect]) {
        guard ensemble?.isServing == true, let membership = ensemble?.quorum.membership,
            membership.version != ensemble?.agreedVersion, membership.version <= gate.committed
        else { return }
        ensemble?.agreedVersion = membership.version
        effects.append(.agreed(membership))
    }

    private mutating func perform(
        _ effect: QuorumEffect, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        switch effect {
        case .promise(let promise): effects.append(.promise(promise))
        case .append(let entries): append(entries, into: &effects)
        case .truncate(let zxid): truncate(after: zxid, into: &effects)
        case .send(let message, let member): effects.append(.tell(member, .quorum(message)))
        case .sendSnapshot(let member): beginTransfer(to: member, into: &effects)
        case .commit(let zxid): committed(upTo: zxid, at: now, into: &effects)
        case .mark: if hasRoom { change(.marked, at: now, into: &effects) }
        case .confirmed(let round): confirmed(round, at: now, into: &effects)
        case .becomeLooking: stopServing(at: now, into: &effects)
        case .follow(let leader, let epoch):
            ensemble?.statistics.foundLeader(isSelf: false, at: now)
            effects.append(.report(.following(leader, epoch: epoch)))
        case .lead(let epoch): beginLeading(epoch, at: now, into: &effects)
        case .adopt(let membership): effects.append(.connect(membership))
        case .report(let news): effects.append(.report(.quorum(news)))
        }
    }

    /// Hands out entries to be made durable. What a leader proposes has been applied; all else waits for its commit.
    private mutating func append(_ entries: [QuorumEntry], into effects: inout [CoordinatorEffect]) {
        for entry in entries {
            effects.append(.append(LogEntry(zxid: entry.zxid, record: entry.record)))
            bytesSinceSnapshot += entry.record.readableBytes
            guard entry.zxid > lastZxid || ensemble?.isRestoring == true else { continue }
            ensemble?.statistics.receivedProposals += 1
            do throws(MalformedInput) {
                ensemble?.unapplied.append(try TreeRecord(entry))
            } catch {
                let zxid = String(entry.zxid, radix: 16)
                effects.append(.fail("the leader's change of zxid 0x\(zxid) cannot be read (\(error))"))
            }
        }
    }

    private mutating func truncate(after zxid: Int64, into effects: inout [CoordinatorEffect]) {
        effects.append(.truncate(after: zxid))
        ensemble?.unapplied.removeAll { $0.zxid > zxid }
        guard lastZxid > zxid, let number = ensemble?.beginRestoration() else { return }
        // It may hold what is taken back.
        pendingSnapshot = nil
        effects.append(.restore(number: number, upTo: .max))
    }

    /// The tree has been restored from snapshot and log.
    mutating func restored(
        _ restored: RestoredTree, number: Int, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        // Of an older restoration the tree may hold what has been taken back since.
        guard ensemble?.awaitedRestoration == number else { return }
        tree = restored.tree
        ensemble?.settled = restored.snapshot
        // What waits for changes that are gone has nobody to go to: its clients were sent away.
        gate = CommitGate(committed: gate.committed)
        ensemble?.awaitedRestoration = nil
        ensemble?.unapplied.removeAll { $0.zxid <= tree.lastZxid }
        shareSecret()
        if let quorum = ensemble?.quorum, quorum.isLeading {
            beginLeading(quorum.promise.epoch, at: now, into: &effects)
        }
        if let committed = ensemble?.quorum.committed { self.committed(upTo: committed, at: now, into: &effects) }
        serveIfReady(at: now, into: &effects)
    }

    // MARK: Committing

    /// What is committed is applied, and said where it was applied before.
    private mutating func committed(
        upTo zxid: Int64, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard ensemble?.isRestoring == false else { return }
        ensemble?.statistics.committed(upTo: zxid, at: now)
        let ready = ensemble?.takeUnapplied(upTo: zxid) ?? []
        ensemble?.statistics.receivedCommits += Int64(ready.count)
        for record in ready { apply(record, at: now, into: &effects) }
        gate.commit(upTo: max(gate.committed, min(zxid, lastZxid)), into: &leaving)
        releaseVerdicts(at: now, into: &effects)
    }

    /// Applies a committed change that this member has not decided itself.
    private mutating func apply(
        _ record: TreeRecord, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        var treeEffects: [ZNodesEffect] = []
        applyRecord(record, into: &treeEffects)
        tellDigest(at: record.zxid, into: &effects)
        gate.commit(upTo: record.zxid, into: &leaving)
        tell(treeEffects, at: now, into: &effects)
        if settings.audits { auditEphemerals(record, at: now, into: &effects) }
        if let session = record.closedSession, let id = connectionOfSession[session],
            clients[id]?.isClosing != true
        {
            end(id, .close(id), at: now, into: &effects)
        }
        releaseVerdicts(at: now, into: &effects)
    }

    /// Takes a change into the tree.
    mutating func applyRecord(_ record: TreeRecord, into treeEffects: inout [ZNodesEffect]) {
        tree.apply(record, into: &treeEffects)
        changesSinceSnapshot += 1
        if record.opensEpoch { shareSecret() }
    }

    /// Passwords of sessions follow from what all members share.
    mutating func shareSecret() {
        let secret = tree.hard.secret
        if secret.readableBytes == SessionSecret.size {
            passwords = SessionPassword(
                secret: Array(secret.readableBytesView), inherited: settings.inheritedSessions)
            if ensemble != nil { ensembleID = passwords.ensembleID }
        }
    }

    // MARK: Roles

    /// Applies everything the log has, and opens the epoch. Nothing is said before that is committed. While the tree is
    /// being restored this waits.
    private mutating func beginLeading(
        _ epoch: Int32, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard ensemble?.isRestoring == false else { return }
        if let committed = ensemble?.quorum.committed, lastZxid <= committed { ensemble?.settled = tree.hard }
        for record in ensemble?.takeUnapplied(upTo: .max) ?? [] {
            var unheard: [ZNodesEffect] = []
            applyRecord(record, into: &unheard)
        }
        ensemble?.owners = [:]
        ensemble?.statistics.foundLeader(isSelf: true, at: now)
        tree.touchAllSessions(at: now)
        effects.append(.report(.leading(epoch: epoch)))
        let configuration = ensemble?.quorum.membership.configurationText ?? ""
        let secret = tree.hard.secret.readableBytes > 0 ? tree.hard.secret : ByteBuffer(bytes: settings.sessionSecret)
        let opening = ZNodesEvent.epochOpened(
            zxid: Epoch.opening(epoch), secret: secret, configuration: configuration)
        change(opening, at: now, into: &effects)
    }

    /// Clients are served from the moment when everything is known that earlier leaders may have promised.
    private mutating func serveIfReady(at now: Instant, into effects: inout [CoordinatorEffect]) {
        guard ensemble?.isServing == false, ensemble?.isRestoring == false, ensemble?.quorum.isEstablished == true
        else { return }
        ensemble?.isServing = true
        if !isDeciding { ensemble?.settled = nil }
        ensemble?.isCutOff = false
        ensemble?.statistics.beganServing(at: now)
        effects.append(.report(.serving(role)))
    }

    /// Ends all connections: what clients of a member without a leader would see could be overtaken without their
    /// knowledge.
    mutating func stopServing(at now: Instant, into effects: inout [CoordinatorEffect]) {
        letLeave(at: now, into: &effects)
        for id in clients.keys.sorted() where clients[id]?.phase.isEnding == false {
            leave(id)
            clients[id]?.phase = .ending
            dropLine(of: id)
            dropToken(of: id)
            effects.append(.close(id))
        }
        gate = CommitGate(committed: gate.committed)
        ensemble?.confirmations = AwaitedConfirmations()
        forgetArrival(into: &effects)
        ensemble?.transfers = [:]
        ensemble?.asking.forgetAll()
        ensemble?.isServing = false
        ensemble?.idleSince = now
        ensemble?.isCutOff = false
        ensemble?.statistics.becameLooking(at: now)
        pendingSnapshot = nil
        effects.append(.report(.looking))
    }
}

extension TreeRecord {
    /// The change that an entry holds.
    init(_ entry: QuorumEntry) throws(MalformedInput) {
        let record = try WireReader.read(entry.record) { reader throws(MalformedInput) in
            let record = try TreeRecord(reading: &reader)
            try reader.finish()
            return record
        }
        guard record.zxid == entry.zxid else { throw MalformedInput(.custom("a record of another zxid"), at: 0) }
        self = record
    }
}
