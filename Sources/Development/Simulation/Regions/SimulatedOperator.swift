import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import KafkaProtocolTransactions
import Mirroring
import Seams

/// A tool that moves homes of topics by one link, as `martlet mirror promote`, `failover` and `failback` do: every step can
/// be repeated, so one that was killed is run again.
final class SimulatedOperator {
    let source: Region
    let target: Region
    let topics: [String]
    let groups: [String]
    let process: SimulatedProcess
    private var link: String { "\(source.name)->\(target.name)" }
    private var reverse: String { "\(target.name)->\(source.name)" }

    init(from source: Region, to target: Region, topics: [String], groups: [String], as process: SimulatedProcess) {
        self.source = source
        self.target = target
        self.topics = topics
        self.groups = groups
        self.process = process
    }

    private func partitions(of topic: String) -> [TopicPartition] {
        (0..<(target.world.tree.image.topics[topic]?.partitions.count ?? 0)).map {
            TopicPartition(topic: topic, partition: Int32($0))
        }
    }

    /// As far as leaders answer.
    private func describe(
        _ partitions: [TopicPartition], in region: Region
    ) async throws -> [TopicPartition: SimulatedProcess.Described] {
        var found: [TopicPartition: SimulatedProcess.Described] = [:]
        for partition in partitions {
            _ = await process.attempt("asking for \(partition)") {
                found[partition] = try await process.describe(partition, in: region)
            }
        }
        if !process.isRunning { throw SimulatedProcess.Fault.killed }
        return found
    }

    // MARK: - To the target

    /// Lets nobody write at the source any more, waits until the mirror has brought what is there, and promotes.
    func promote() async throws {
        for topic in topics {
            guard let mirror = try await process.standing(of: topic, in: target)?.standing else { continue }
            guard mirror.link == link, mirror.state != .fenced else { continue }
            let isDone = mirror.state == .ordinary
            var fence = MirrorAlterRequest.AlteredTopic(
                .fence, topic, link: link, homeEpoch: isDone ? mirror.homeEpoch : mirror.homeEpoch + 1)
            fence.sourceClusterId = target.clusterID
            try await process.alter(fence, in: source)
            // What is being promoted already had everything when that began.
            if mirror.state == .mirroring { try await awaitTheRest(of: topic, homeEpoch: mirror.homeEpoch) }
            try await become(topic, isSourceLost: false)
        }
    }

    private func awaitTheRest(of topic: String, homeEpoch: Int32) async throws {
        while true {
            let partitions = partitions(of: topic)
            let sources = try await describe(partitions, in: source)
            let targets = try await describe(partitions, in: target)
            let rest = RestOfMove(
                of: partitions, link: link, homeEpochs: [topic: homeEpoch], source: sources.mapValues(\.home),
                target: targets.mapValues(\.home))
            if rest.missing.isEmpty { return }
            try await process.sleep(50...200)
        }
    }

    /// The target goes on with what it has, also where the home has gone from there to the source; the source is told if it
    /// can be.
    func failOver() async throws {
        // One that never moved is at home at the target.
        let topics = topics.filter { [link, reverse].contains(standing(of: $0, in: target)?.link) }
        for topic in topics { try await become(topic, isSourceLost: true) }
        for topic in topics {
            _ = await process.attempt("telling \(source.name) of \(topic)") {
                guard let standing = try await process.standing(of: topic, in: target)?.standing else { return }
                // What is mirrored from here takes no writes there.
                if let their = self.standing(of: topic, in: source), their.state == .mirroring,
                    their.sourceClusterID == target.clusterID
                {
                    return
                }
                var fence = MirrorAlterRequest.AlteredTopic(.fence, topic, link: link, homeEpoch: standing.homeEpoch)
                fence.sourceClusterId = target.clusterID
                try await process.alter(fence, in: source)
            }
        }
    }

    /// As the tree has it.
    private func standing(of topic: String, in region: Region) -> MirrorStanding? {
        region.world.tree.image.topics[topic].map { MirrorStanding($0.configs) }
    }

    private func become(_ topic: String, isSourceLost: Bool) async throws {
        let reclaims = isSourceLost && standing(of: topic, in: target)?.link == reverse
        let link = reclaims ? reverse : link
        let limit = process.chronicle.now + .seconds(10)
        while process.chronicle.now < limit {
            let partitions = partitions(of: topic)
            let found = try await describe(partitions, in: target)
            let standings = Dictionary(uniqueKeysWithValues: found.map { ($0.key.partition, $0.value.home) })
            switch TopicPromotion.next(standings, count: Int32(partitions.count), link: link, reclaims: reclaims) {
            case .begin(let homeEpoch):
                var change = MirrorAlterRequest.AlteredTopic(
                    .beginPromotion, topic, link: link, homeEpoch: homeEpoch)
                change.isSourceLost = isSourceLost
                try await process.alter(change, in: target)
            case .wait: break
            case .abort(let indices):
                for partition in partitions where indices.contains(partition.partition) {
                    try await abort(found[partition]?.told.openTransactions ?? [], in: partition)
                }
            case .promote(let homeEpoch, let cuts):
                try await setBack(topic, cuts)
                var change = MirrorAlterRequest.AlteredTopic(.promote, topic, link: link, homeEpoch: homeEpoch)
                change.cut(at: cuts)
                try await process.alter(change, in: target)
            case .done: return
            case .reclaim(let homeEpoch):
                let change = MirrorAlterRequest.AlteredTopic(.reclaim, topic, link: link, homeEpoch: homeEpoch)
                try await process.alter(change, in: target)
            case .refuse(let reason): throw SimulatedProcess.Fault.notYet("\(topic): \(reason)")
            }
            try await process.sleep(20...150)
        }
        throw SimulatedProcess.Fault.notYet("\(topic) is not promoted yet")
    }

    private func abort(
        _ open: [MirrorDescribeResponse.OpenTransaction], in partition: TopicPartition
    ) async throws {
        var request = WriteTxnMarkersRequest()
        for transaction in open {
            var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
            topic.name = partition.topic
            topic.partitionIndexes = [partition.partition]
            var marker = WriteTxnMarkersRequest.WritableTxnMarker()
            marker.producerId = transaction.producerId
            // One above fences whoever still writes (KIP-360).
            marker.producerEpoch = transaction.producerEpoch + 1
            marker.coordinatorEpoch = max(0, transaction.coordinatorEpoch)
            marker.topics = [topic]
            request.markers.append(marker)
        }
        let leader = try target.leader(of: partition, for: process)
        for marker in try await process.ask(request, version: 1, to: leader, in: target).markers {
            for topic in marker.topics { for told in topic.partitions { try process.check(told.errorCode) } }
        }
    }

    /// No group goes on behind what is dropped.
    private func setBack(_ topic: String, _ cuts: [Int32: Offset]) async throws {
        for group in groups {
            var clamped: [TopicPartition: Offset] = [:]
            for (partition, offset) in try await process.committed(by: group, in: target)
            where partition.topic == topic {
                if let cut = cuts[partition.partition], cut < offset { clamped[partition] = cut }
            }
            if !clamped.isEmpty { try await process.commit(clamped, of: group, in: target) }
        }
    }

    // MARK: - Back

    /// Makes the target, the old home, the link's mirror: what only it has goes to quarantine.
    func failBack() async throws {
        for topic in topics {
            guard let own = try await process.standing(of: topic, in: target), own.standing.state == .fenced,
                own.standing.sourceClusterID == source.clusterID
            else { continue }
            guard let home = try await process.standing(of: topic, in: source), home.id == own.id,
                home.standing.state == .ordinary, home.standing.homeEpoch >= own.standing.homeEpoch
            else { throw SimulatedProcess.Fault.notYet("\(source.name) is not the home of \(topic)") }
            try await bring(topic, own.id, homeEpoch: home.standing.homeEpoch)
        }
    }

    private func bring(_ topic: String, _ id: KafkaUUID, homeEpoch: Int32) async throws {
        let partitions = partitions(of: topic)
        let theirs = try await describe(partitions, in: source)
        let ours = try await describe(partitions, in: target)
        var dropped: [(partition: TopicPartition, offsets: Range<Offset>)] = []
        for partition in partitions {
            guard let own = ours[partition]?.home, let home = theirs[partition]?.home else {
                throw SimulatedProcess.Fault.notYet("\(partition) has no leaders")
            }
            let cut = try await divergence(of: partition, own, home)
            dropped.append((partition, cut..<max(cut, own.end)))
        }
        if dropped.contains(where: { !$0.offsets.isEmpty }) {
            let quarantine = try await SimulatedQuarantine(of: topic, homeEpoch: homeEpoch, in: target, by: process)
            for (partition, offsets) in dropped {
                guard let leaderEpoch = ours[partition]?.told.leaderEpoch else { continue }
                try await quarantine.keep(partition, id, offsets, leaderEpoch: leaderEpoch)
            }
        }
        let cuts = Dictionary(uniqueKeysWithValues: dropped.map { ($0.partition.partition, $0.offsets.lowerBound) })
        try await setBack(topic, cuts)
        var change = MirrorAlterRequest.AlteredTopic(.rewind, topic, link: link, homeEpoch: homeEpoch)
        change.topicId = id
        change.sourceClusterId = source.clusterID
        change.cut(at: cuts)
        try await process.alter(change, in: target)
    }

    private func divergence(
        of partition: TopicPartition, _ own: PartitionStanding, _ home: PartitionStanding
    ) async throws -> Offset {
        if let obstacle = TopicReturn.obstacle(own: own, home: home) {
            throw SimulatedProcess.Fault.notYet("\(partition): \(obstacle)")
        }
        var search = TopicReturn.search(own: own, home: home)
        while let range = search.next {
            let theirs = try await process.digest(partition, range, in: source)
            search.compared(isSame: try await process.digest(partition, range, in: target) == theirs)
        }
        return search.from
    }
}

extension SimulatedProcess.Described {
    /// As moves of homes look at it.
    var home: PartitionStanding {
        PartitionStanding(
            state: state, link: link, homeEpoch: told.homeEpoch, logStart: told.logStartOffset,
            lastStableOffset: told.lastStableOffset, highWatermark: told.highWatermark, end: told.logEndOffset,
            isSettled: told.isSettled, hasOpenTransactions: !told.openTransactions.isEmpty)
    }
}
