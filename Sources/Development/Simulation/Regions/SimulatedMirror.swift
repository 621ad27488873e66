import ClusterModel
import Controller
import KafkaProtocolClusters
import Mirroring
import NIOCore
import Records

/// A mirror process with one exact link: what it asks and in which order is as in MirrorServer, what it decides is decided
/// by the same cores. All that it knows dies with it.
final class SimulatedMirror {
    let link: String
    let source: Region
    let target: Region
    let policy: GapPolicy
    let process: SimulatedProcess
    /// The topics it looks after.
    let topics: [String]
    let groups: [String]
    private let rules: ExactTopics
    private var partitions: [TopicPartition: MirroredPartition] = [:]
    /// What groups had committed at the source when that was last brought to the target.
    private var seen: [String: [TopicPartition: Offset]] = [:]
    /// Mirror topics that have to be deleted and made anew.
    private var remade: Set<String> = []

    init(
        from source: Region, to target: Region, topics: [String], groups: [String], policy: GapPolicy,
        as process: SimulatedProcess
    ) throws {
        link = "\(source.name)->\(target.name)"
        self.source = source
        self.target = target
        self.topics = topics
        self.groups = groups
        self.policy = policy
        self.process = process
        rules = ExactTopics(
            topics: try NameSelection(including: topics), policy: ReplicationPolicy(naming: .identity),
            excludedSettings: try NameSelection(including: []))
    }

    var ledger: TopicPartition {
        TopicPartition(topic: GapEntry.topic(source: source.name, target: target.name), partition: 0)
    }

    func run() {
        process.begin { [self] in
            while process.isRunning {
                for topic in topics { _ = await process.attempt("\(link) \(topic)") { try await follow(topic) } }
                _ = await process.attempt(link) { try await process.sleep(100...900) }
            }
            // They hold the mirror.
            partitions = [:]
        }
        process.begin { [self] in
            while process.isRunning {
                for group in groups { _ = await process.attempt("\(link) \(group)") { try await bring(group) } }
                _ = await process.attempt(link) { try await process.sleep(50...500) }
            }
        }
    }

    // MARK: - Topics

    private func follow(_ name: String) async throws {
        guard let topic = try await process.standing(of: name, in: source) else { return }
        let mirror = try await process.standing(of: name, in: target)
        if remade.contains(name) { return try await makeAnew(name, topic, mirror) }
        let verdict = rules.verdict(
            on: name, source: topic, target: mirror, link: link, sourceID: source.clusterID,
            targetID: target.clusterID, comparesSettings: true)
        switch verdict {
        case .mirror(let change):
            if let change { try await make(name, topic.id, change) }
            for index in 0..<topic.partitionCount {
                let partition = TopicPartition(topic: name, partition: index)
                guard partitions[partition] == nil else { continue }
                let mirrored = MirroredPartition(partition, of: self)
                partitions[partition] = mirrored
                mirrored.run()
            }
            for index in 0..<topic.partitionCount {
                partitions[TopicPartition(topic: name, partition: index)]?.isSynchronous =
                    topic.settings[Synchrony.linkKey] == link
            }
        case .fence(let homeEpoch):
            process.chronicle.note("\(link): \(name) has its home in \(target.name) now")
            var fence = MirrorAlterRequest.AlteredTopic(.fence, name, link: link, homeEpoch: homeEpoch)
            fence.topicId = mirror?.id ?? .zero
            fence.sourceClusterId = target.clusterID
            try await process.alter(fence, in: source)
            abandon(name)
        case .fenceTarget(let homeEpoch):
            process.chronicle.note("\(link): \(name) has its home in \(source.name) again")
            // By which it has moved away from there.
            let reverse = "\(target.name)->\(source.name)"
            var fence = MirrorAlterRequest.AlteredTopic(.fence, name, link: reverse, homeEpoch: homeEpoch)
            fence.topicId = topic.id
            fence.sourceClusterId = source.clusterID
            try await process.alter(fence, in: target)
            abandon(name)
        case .leave: abandon(name)
        case .blocked(let reason):
            process.chronicle.note("\(link): \(name) is blocked: \(reason)")
            abandon(name)
        }
    }

    private func abandon(_ topic: String) {
        for (partition, mirrored) in partitions where partition.topic == topic {
            mirrored.isWanted = false
            partitions[partition] = nil
        }
    }

    private func make(_ name: String, _ id: KafkaUUID, _ needed: TopicVerdict.Change) async throws {
        var change = MirrorAlterRequest.AlteredTopic(.mirror, name, link: link, homeEpoch: needed.homeEpoch)
        change.topicId = id
        change.sourceClusterId = source.clusterID
        change.partitionCount = needed.partitionCount
        change.replicationFactor = 3
        change.configs = needed.settings.sorted { $0.key < $1.key }.map { name, value in
            var config = MirrorAlterRequest.TopicConfig()
            config.name = name
            config.value = value
            return config
        }
        try await process.alter(change, in: target)
    }

    func remake(_ topic: String) { remade.insert(topic) }

    private func makeAnew(_ name: String, _ topic: StandingTopic, _ mirror: StandingTopic?) async throws {
        if let mirror, mirror.standing.isMirror(of: link) { try await process.delete(name, in: target) }
        try await make(name, topic.id, rules.creation(of: topic))
        remade.remove(name)
        abandon(name)
        // Who deletes a topic deletes what groups had committed in it.
        seen = [:]
    }

    // MARK: - Groups

    private func bring(_ group: String) async throws {
        let offsets = try await process.committed(by: group, in: source).filter { partitions[$0.key] != nil }
        guard !offsets.isEmpty, seen[group] != offsets else { return }
        var mirrors: [TopicPartition: ClosedRange<Offset>] = [:]
        for partition in offsets.keys.sorted() {
            let stands = try await process.describe(partition, in: target)
            guard stands.state == .mirroring, stands.link == link,
                stands.told.logStartOffset <= stands.told.highWatermark
            else { continue }
            mirrors[partition] = stands.told.logStartOffset...stands.told.highWatermark
        }
        let present = try await process.committed(by: group, in: target)
        var changes: [TopicPartition: Offset] = [:]
        var brought = seen[group] ?? [:]
        for (partition, offset) in offsets {
            guard let range = mirrors[partition] else { continue }
            changes[partition] = GroupPosition.toCommit(
                source: offset, before: seen[group]?[partition], target: present[partition], mirrored: range)
            if range.upperBound >= offset { brought[partition] = offset }
        }
        if !changes.isEmpty { try await process.commit(changes, of: group, in: target) }
        seen[group] = brought
    }

    // MARK: - Gaps

    /// Writes a gap down.
    func record(_ gap: MirrorGap, in partition: TopicPartition) async throws {
        let now = process.chronicle.now.unixMilliseconds
        let entry = GapEntry(
            partition: partition, gap: gap, foundAtUnixMilliseconds: now, policy: policy, cause: gap.description)
        var builder = RecordBatchBuilder()
        builder.append(timestamp: now, key: entry.key, value: entry.value)
        _ = try await process.produce(builder.finish(), to: ledger, in: target)
        process.chronicle.note("\(link): gap in \(partition): \(gap.description)")
        process.chronicle.count("gaps found of topics that were \(gap.kind)")
    }
}

extension MirrorAlterRequest.AlteredTopic {
    init(_ action: MirrorAction, _ topic: String, link: String, homeEpoch: Int32) {
        self.init()
        name = topic
        self.action = action.rawValue
        linkName = link
        self.homeEpoch = homeEpoch
    }

    mutating func cut(at offsets: [Int32: Offset]) {
        cuts = offsets.sorted { $0.key < $1.key }.map { index, offset in
            var cut = MirrorAlterRequest.PartitionCut()
            cut.index = index
            cut.offset = offset
            return cut
        }
    }
}
