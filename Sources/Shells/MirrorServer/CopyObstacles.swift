import ClusterModel
import MartletClient
import Mirroring
import Records

/// Finds topics that a compatible link cannot copy, because something else stands in their place at the target.
struct CopyObstacles: Sendable {
    /// How much of a partition is looked through for what stands last at the target.
    private static let searchedBytes = 8 << 20

    /// What was found of topics, by their names at the source.
    struct Findings: Sendable {
        /// Why they cannot be copied.
        var obstacles: [String: String] = [:]
        /// Where copies of MirrorMaker 2's go on that are not taken over yet, by the target's partitions.
        var adopted: [String: [TopicPartition: WrittenPosition]] = [:]
        /// What is written down of copies, by the target's partitions.
        var written: [TopicPartition: WrittenPosition] = [:]
    }

    let plan: TopicPlan
    let source: KafkaClient
    let target: KafkaClient
    let adoption: CopyAdoption

    init(_ settings: LinkSettings, source: KafkaClient, target: KafkaClient) {
        plan = settings.plan
        self.source = source
        self.target = target
        adoption = CopyAdoption(settings, source: source, target: target)
    }

    /// Looks at what stands in the places of copies.
    /// - Parameters:
    ///   - topics: how many partitions they have, by name at the source.
    ///   - present: how many those of the target have, by name there.
    ///   - claims: links that bring other topics of the target, by name there, as far as nothing is written down of it.
    func find(
        _ topics: [String: Int32], present: [String: Int32], claims: (Set<String>) -> [String: String] = { _ in [:] }
    ) async throws -> Findings {
        let administrator = Administrator(target)
        let written = try await administrator.writtenPositions(of: WrittenPosition.group(source: plan.source))
        let own = Set(written.keys.map(\.topic))
        var others: [String: String] = [:]
        if plan.policy.naming == .identity {
            for (remote, alias) in try await administrator.sourcesOfCopies(except: plan.source)
            where !own.contains(remote) {
                others[remote] = "\(alias)->\(plan.target)"
            }
            let free = topics.keys.map { plan.policy.remoteTopic($0, of: plan.source) }.filter { others[$0] == nil }
            others.merge(claims(Set(free))) { first, _ in first }
        }
        var findings = Findings(written: written)
        var unknown: [String: Int32] = [:]
        for (name, count) in topics {
            let remote = plan.policy.remoteTopic(name, of: plan.source)
            findings.obstacles[name] = plan.obstacle(
                to: name, counts: (count, present[remote]), otherLink: others[remote])
            if findings.obstacles[name] == nil, !own.contains(remote) { unknown[name] = present[remote] }
        }
        for (name, verdict) in try await adoption.look(at: unknown).sorted(by: { $0.key < $1.key }) {
            switch verdict {
            case .adopted(let positions): findings.adopted[name] = positions
            case .refused(let cause): findings.obstacles[name] = cause
            case .unknown:
                let remote = plan.policy.remoteTopic(name, of: plan.source)
                guard try await isForeign(remote, present[remote] ?? 0, to: name) else { continue }
                findings.obstacles[name] = plan.foreignContents(of: name)
            }
        }
        return findings
    }

    /// Whether a topic of the target, of which nothing is written down, holds records, and none of the last ones came from
    /// that topic of the source.
    private func isForeign(_ remote: String, _ count: Int32, to name: String) async throws -> Bool {
        let administrator = Administrator(target)
        let partitions = (0..<count).map { TopicPartition(topic: remote, partition: $0) }
        let starts = try await administrator.offsets(.earliest, of: partitions)
        let ends = try await administrator.offsets(.latest, of: partitions)
        var holdsRecords = false
        for partition in partitions {
            guard let end = ends[partition]?.offset, end > starts[partition]?.offset ?? 0,
                let last = try await RecordBatch.last(of: partition, end: end, in: target)
            else { continue }
            holdsRecords = true
            let original = TopicPartition(topic: name, partition: partition.partition)
            if try await isFound(last, in: original) { return false }
        }
        return holdsRecords
    }

    /// Whether the source has the batch, from where records are as late as it is.
    private func isFound(_ batch: RecordBatch, in original: TopicPartition) async throws -> Bool {
        let time = min(batch.header.baseTimestamp, batch.header.maxTimestamp)
        let administrator = Administrator(source)
        guard var position = try await administrator.offsets(.timestamp(time), of: [original])[original]?.offset,
            position >= 0
        else { return false }
        let rules = PartitionCopy(stored: nil)
        var read = 0
        while read < Self.searchedBytes {
            var fetch = RawFetch()
            fetch.maximumWait = .zero
            let connection = try await source.connection(to: try await source.leader(of: original))
            guard let answer = try await fetch([(original, position)], on: connection).first else { return false }
            if answer.error == .offsetOutOfRange { return false }
            try ClientFault.check(answer.error.rawValue, "\(original)")
            var batches = RecordBatches(answer.records)
            let before = position
            while let one = try batches.next() {
                position = max(position, one.header.nextOffset)
                let copied =
                    switch rules.treatment(of: one.header) {
                    case .skip: false
                    case .forward: one.mark == batch.mark
                    case .encodeAnew: try one.encodedAnew(from: 0)?.mark == batch.mark
                    }
                if copied { return true }
            }
            guard position > before else { return false }
            read += answer.records.readableBytes
        }
        return false
    }
}

extension RecordBatch {
    /// The batch before `end`; nil when retention has taken it, or when it is of an old format.
    static func last(of partition: TopicPartition, end: Offset, in cluster: KafkaClient) async throws -> RecordBatch? {
        var fetch = RawFetch()
        fetch.maximumWait = .zero
        // The first partition of an answer always gets a whole batch (KIP-74).
        fetch.maximumBytesPerPartition = 1
        let connection = try await cluster.connection(to: try await cluster.leader(of: partition))
        guard let answer = try await fetch([(partition, end - 1)], on: connection).first else {
            throw ClientFault.refused(.unknownTopicOrPartition, "\(partition)")
        }
        if answer.error == .offsetOutOfRange { return nil }
        try ClientFault.check(answer.error.rawValue, "\(partition)")
        var batches = RecordBatches(answer.records)
        var last: RecordBatch?
        while let batch = try batches.next() { last = batch }
        return last.flatMap { $0.header.magic == 2 ? $0 : nil }
    }
}
