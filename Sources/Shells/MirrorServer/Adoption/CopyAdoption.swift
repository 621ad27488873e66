import ClusterModel
import MartletClient
import Mirroring
import Records
import Synchronization

/// Takes over copies that MirrorMaker 2 has made by the same link: finds out where they end, so that nothing is missed and
/// nothing is copied twice.
final class CopyAdoption: Sendable {
    /// How it stands with one topic.
    enum Verdict: Sendable, Equatable {
        /// MirrorMaker 2 has noted nothing of it.
        case unknown
        /// Where copying goes on, by the target's partitions.
        case adopted([TopicPartition: WrittenPosition])
        /// Why it cannot be taken over.
        case refused(String)
    }

    /// How much of a partition is looked through for the original of its last copy.
    private static let searchedBytes = 1 << 30
    /// What could not be taken over is looked at again after this.
    private static let refusalHolds = Duration.seconds(10)

    private let former: FormerMirror
    private let refusals = Mutex<[String: (verdict: Verdict, until: ContinuousClock.Instant)]>([:])

    init(_ settings: LinkSettings, source: KafkaClient, target: KafkaClient) {
        former = FormerMirror(settings: settings, source: source, target: target)
    }

    /// Looks at topics of the target of which this mirror has written nothing down.
    /// - Parameter topics: how many partitions they have there, by their names at the source.
    /// - Returns: a verdict on each that holds anything.
    func look(at topics: [String: Int32]) async throws -> [String: Verdict] {
        var verdicts = known(topics.keys)
        let rest = topics.filter { verdicts[$0.key] == nil }
        guard !rest.isEmpty else { return verdicts }
        let filled = try await filled(rest)
        guard !filled.isEmpty else { return verdicts }
        let notes = try await former.notes()
        let running = try await former.runningGroup()
        for (name, ends) in filled.sorted(by: { $0.key < $1.key }) {
            let verdict = try await judge(name, ends, notes, running: running)
            verdicts[name] = verdict
            if case .adopted = verdict { continue }
            refusals.withLock { $0[name] = (verdict, .now + Self.refusalHolds) }
        }
        return verdicts
    }

    private func known(_ names: some Sequence<String>) -> [String: Verdict] {
        refusals.withLock { refusals in
            refusals = refusals.filter { $0.value.until > .now }
            return Dictionary(
                uniqueKeysWithValues: names.compactMap { name in
                    refusals[name].map { (name, $0.verdict) }
                })
        }
    }

    /// Where logs of the target begin and end, of topics into which somebody has written.
    private func filled(_ topics: [String: Int32]) async throws -> [String: [Int32: Range<Offset>]] {
        let plan = former.settings.plan
        let partitions = topics.flatMap { name, count in
            (0..<count).map {
                TopicPartition(topic: plan.policy.remoteTopic(name, of: plan.source), partition: $0)
            }
        }
        let administrator = Administrator(former.target)
        let starts = try await administrator.offsets(.earliest, of: partitions)
        let ends = try await administrator.offsets(.latest, of: partitions)
        var filled: [String: [Int32: Range<Offset>]] = [:]
        for name in topics.keys {
            let remote = plan.policy.remoteTopic(name, of: plan.source)
            for partition in partitions where partition.topic == remote {
                guard let end = ends[partition]?.offset, end > 0 else { continue }
                filled[name, default: [:]][partition.partition] = min(starts[partition]?.offset ?? 0, end)..<end
            }
        }
        return filled
    }

    private func judge(
        _ name: String, _ logs: [Int32: Range<Offset>], _ notes: [TopicPartition: OriginOffset], running: String?
    ) async throws -> Verdict {
        let plan = former.settings.plan
        let partitions = logs.sorted { $0.key < $1.key }.map { TopicPartition(topic: name, partition: $0.key) }
        guard partitions.contains(where: { notes[$0] != nil }) else { return .unknown }
        let remote = plan.policy.remoteTopic(name, of: plan.source)
        if let running {
            return .refused(
                "MirrorMaker 2 copies \(remote) still: its group \(running) has members at \(plan.target); stop it, and "
                    + "the copy goes on where it ended")
        }
        var positions: [TopicPartition: WrittenPosition] = [:]
        for partition in partitions {
            guard let log = logs[partition.partition] else { continue }
            let copy = TopicPartition(topic: remote, partition: partition.partition)
            let origin = notes[partition] ?? OriginOffset()
            // Nothing is left there, and nobody knows of what: it begins where the source does.
            if origin.isEmpty, log.isEmpty { continue }
            let match = origin.isEmpty ? nil : try await match(of: partition, copy, log, origin)
            guard let position = origin.position(match, targetEnd: log.upperBound) else {
                return .refused(
                    "MirrorMaker 2 has noted no position of \(partition) at \(plan.target) "
                        + "(\(former.settings.formerMirror.offsetsTopics.joined(separator: ", "))), and \(plan.source) has "
                        + "no record like the last one of \(copy): set offset.storage.topic, delete \(remote) there, or "
                        + "leave it out (topics.exclude)")
            }
            positions[copy] = position
        }
        return .adopted(positions)
    }

    /// Finds the original of a copy's last record.
    private func match(
        of partition: TopicPartition, _ copy: TopicPartition, _ log: Range<Offset>, _ origin: OriginOffset
    ) async throws -> CopiedTail.Match? {
        let administrator = Administrator(former.source)
        guard let start = try await administrator.offsets(.earliest, of: [partition])[partition]?.offset,
            let end = try await administrator.offsets(.latest, of: [partition], readsCommitted: true)[partition]?
                .offset,
            start < end
        else { return nil }
        var copies: [Record] = []
        var hasOwnTimes = false
        let depth = Offset(CopiedTail.capacity)
        let last = max(log.lowerBound, log.upperBound - depth)..<log.upperBound
        try await former.target.readCommitted(of: copy, in: last) { header, records in
            copies += records
            hasOwnTimes = hasOwnTimes || header.attributes.timestampType == .logAppendTime
            return true
        }
        let begin = origin.beginOfSearch(in: start..<end, targetEnd: log.upperBound)
        var tail = CopiedTail(copies, comparesTimes: !hasOwnTimes, notBefore: begin)
        var room = Self.searchedBytes
        try await former.source.readCommitted(of: partition, in: max(start, begin - depth)..<end) { header, records in
            for record in records { tail.pass(record) }
            room -= header.sizeInBytes
            return !tail.isSettled && room > 0
        }
        return tail.match
    }
}
