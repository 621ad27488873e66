import ClusterModel
import Seams

/// How leaders lose their power that nobody has followed for a while.
///
/// What such a leader acknowledges nobody else has: it has to be on its disk (decision 0007). Among all other faults it
/// comes too seldom that a leader is alone in sync and goes on writing.
extension ClusterRun {
    /// Separates the leader of some partition from all others, unless one is separated already.
    func leaveSomeLeaderAlone() {
        guard !isSomebodyAlone, let topic = topics.first else { return }
        let name = topic.partition(Int32.random(in: 0..<topic.partitionCount, using: &random))
        guard let leader = world.tree.image.partition(name)?.leader.map({ world[$0] }), leader.isRunning else { return }
        isSomebodyAlone = true
        faultCount += 1
        world.note("broker \(leader.id) is left alone")
        for other in world.brokers where other !== leader {
            world.cut(.broker(leader.id), .broker(other.id))
            world.cut(.broker(other.id), .broker(leader.id))
        }
        world.after(world.milliseconds(3000...8000)) { [unowned self] in endSolitude(of: leader, in: name) }
    }

    /// Cuts the power of a leader that knows itself to be alone; the others are there again when it comes back.
    private func endSolitude(of leader: ClusterBroker, in name: TopicPartition) {
        if world.tree.image.partition(name)?.isr == [leader.id],
            leader.kernel?.partitions[name]?.leadership?.term.inSync == [leader.id]
        {
            world.cutPower(leader)
            world.restart(leader, in: 100...3000)
        }
        for other in world.brokers where other !== leader {
            world.mend(.broker(leader.id), .broker(other.id))
            world.mend(.broker(other.id), .broker(leader.id))
        }
        isSomebodyAlone = false
    }
}
