import ClusterModel
import Controller
import KafkaProtocol
import Replication
import Seams
import SegmentedLog

/// Who may speak only once what it says is committed.
enum CommitWaiter {
    /// A partition of a produce request or a mirror's append: what waits, and the partition's place in its response.
    case produce(WaitingReplies<AppendResponse>.ID, AppendPlace)
    case speaker(WaitingSpeakers.ID)
}

/// What leading partitions means for a broker: taking over, watching followers, committing, stepping down.
extension BrokerKernel {
    /// Begins to lead, or goes on in another epoch. What waits for the high watermark waits on: the log only grew.
    mutating func lead(_ partition: Partition, _ term: LeaderTerm) {
        partition.log.beginLeaderEpoch(term.epoch)
        partition.leadership = PartitionLeader(
            broker: settings.brokerID, term: term, logEnd: partition.log.logEndOffset,
            highWatermark: partition.log.highWatermark, syncedEnd: partition.log.recoveryPoint,
            minimumInSync: partition.minimumInSyncReplicas, lagLimit: settings.replicaLagLimit, at: now)
        partition.scheduledTick = .never
        synchronize(partition, inNewEpoch: true)
        takeLease(partition)
        step(partition, .tick)
        for member in term.inSync where image.epochOfStaying(member) == nil {
            step(partition, .followerRegistered(member, epoch: nil))
        }
    }

    /// Leads no more: nobody here will know what becomes of what was not committed.
    mutating func resign(_ partition: Partition) {
        guard partition.isLeader else { return }
        partition.leadership = nil
        partition.synchronousLink = nil
        partition.lease = nil
        endDeletions(of: partition)
        abandonWaiters(of: partition)
    }

    /// Tells whoever waits that nobody here will know.
    mutating func abandonWaiters(of partition: Partition) {
        for waiter in partition.gate.abandon() { release(waiter, of: partition, isCommitted: false) }
    }

    /// Lets go whoever waits for no more than is committed, here and where else it has to be.
    mutating func releaseWaiters(of partition: Partition) {
        let end = partition.answeredEnd
        while let waiter = partition.gate.next(upTo: end) { release(waiter, of: partition, isCommitted: true) }
    }

    /// Has the partition's leader take an event, and does what it wants.
    mutating func step(_ partition: Partition, _ event: PartitionLeader.Event) {
        var wanted: [PartitionLeader.Effect] = []
        partition.leadership?.step(event, at: now, into: &wanted)
        for effect in wanted {
            switch effect {
            case .advanceHighWatermark(let offset):
                partition.log.advanceHighWatermark(to: offset)
                parkedFetches.note(partition)
                partition.synchronousLink?.committed(offset, at: now)
                releaseWaiters(of: partition)
            case .synchronize:
                let flush = onLog { () throws(LogFailure) in try partition.log.beginFlush() }
                if let flush { perform(.onDiskThread(.flush(partition.name, flush))) }
            case .changeInSync(let inSync, let version):
                change(of: partition, inSync, stateVersion: version)
            }
        }
        schedule(partition)
    }

    private mutating func change(of partition: Partition, _ inSync: [BrokerID], stateVersion: Int32) {
        let epoch = partition.leaderEpoch
        change(
            .setInSync(
                partition.name, topicID: partition.topicID, isr: inSync, leaderEpoch: epoch, stateVersion: stateVersion)
        ) { kernel, outcome in
            // What was done shows in a newer image.
            guard outcome != .done, partition.leaderEpoch == epoch, kernel.partitions[partition.name] === partition
            else { return }
            kernel.step(partition, .inSyncChangeFailed)
        }
    }

    /// To be called when a deadline of the leader's, or of the link that it waits for, may have come nearer.
    mutating func schedule(_ partition: Partition) {
        guard let leader = partition.leadership else { return }
        let deadline = min(leader.deadline, partition.synchronousLink?.deadline ?? .never)
        guard deadline < partition.scheduledTick else { return }
        partition.scheduledTick = deadline
        leaderDeadlines.add(partition.name, due: deadline)
    }

    /// Lets time pass for the leaders that wanted it.
    mutating func tickLeaders() {
        var degraded: [Partition] = []
        while let name = leaderDeadlines.take(at: now) {
            guard let partition = partitions[name], partition.scheduledTick <= now else { continue }
            partition.scheduledTick = .never
            if partition.synchronousLink?.tick(at: now) ?? false { degraded.append(partition) }
            if let deadline = partition.leadership?.deadline, deadline <= now {
                step(partition, .tick)
            } else {
                schedule(partition)
            }
        }
        if !degraded.isEmpty { degrade(degraded) }
    }

    private mutating func release(_ waiter: CommitWaiter, of partition: Partition, isCommitted: Bool) {
        switch waiter {
        case .speaker(let id): waitingSpeakers.take(id)?(&self, isCommitted ? .committed : .deposed)
        case .produce(let wait, let place): endProduceWait(wait, place, of: partition, isCommitted: isCommitted)
        }
    }
}
