import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import Records

/// Compares what both ends of a link hold of its mirror topics by digests, while mirroring goes on.
package struct LinkProof: Sendable {
    private static let partitionsAtOnce = 8
    /// How often a range is chosen anew because a log's start has moved over it.
    private static let mostAttempts = 5
    private static let pause = Duration.milliseconds(200)

    let ends: LinkEnds

    package init(_ ends: LinkEnds) { self.ends = ends }

    /// Compares all topics that came by the link, or those selected.
    /// - Throws: ``CompatibleLink`` for links whose copies are no mirror topics.
    package func run(_ selection: NameSelection?) async throws -> ProofReport {
        try ends.checkIsExact(
            "its copies have offsets and headers of their own, and no digest compares them; martlet mirror describe "
                + "tells how they stand")
        var report = ProofReport(link: ends.settings.name, beganAt: WallClock.unixMilliseconds())
        let topics = try await ends.topics(selection)
        let rules = try await sourceRules(of: topics.map(\.name))
        let absent = try await Administrator(ends.source).absent(topics.map(\.name))
        let deleted = absent.intersection(topics.filter { $0.standing.state == .mirroring }.map(\.name))
        let partitions = topics.flatMap { topic in
            (0..<topic.partitions).map { TopicPartition(topic: topic.name, partition: $0) }
        }
        for start in stride(from: 0, to: partitions.count, by: Self.partitionsAtOnce) {
            let some = partitions[start..<min(start + Self.partitionsAtOnce, partitions.count)]
            report.partitions += await withTaskGroup(of: ProofReport.Partition.self) { group in
                for partition in some {
                    group.addTask {
                        if deleted.contains(partition.topic) { return withoutSource(partition) }
                        return await compare(partition, rules[partition.topic] ?? SourceRules([:]))
                    }
                }
                var found: [ProofReport.Partition] = []
                for await one in group { found.append(one) }
                return found.sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
            }
        }
        report.groupsOutOfStep = try await groupsOutOfStep(Set(partitions))
        try await tellReadiness(selection, &report)
        return report
    }

    // MARK: Partitions

    private func line(_ partition: TopicPartition) -> ProofReport.Partition {
        var told = ProofReport.Partition(partition)
        let original = ends.settings.names.atSource(partition.topic)
        if original != partition.topic { told.topicAtSource = original }
        return told
    }

    /// The source has deleted the topic.
    private func withoutSource(_ partition: TopicPartition) -> ProofReport.Partition {
        var told = line(partition)
        switch ends.settings.deletionPolicy {
        case .keep: told.verdict = .kept
        case .ask: told.fault = DeletionPolicy.question(ofTopicDeletedAt: ends.settings.source)
        case .follow: told.fault = "\(ends.settings.source) has deleted it, and the mirror deletes it soon"
        }
        return told
    }

    private func compare(_ partition: TopicPartition, _ rules: SourceRules) async -> ProofReport.Partition {
        var told = line(partition)
        for attempt in 1...Self.mostAttempts {
            do {
                told.fault = nil
                try await compare(partition, rules, &told)
                return told
            } catch {
                told.fault = "\(error)"
                guard (error as? ClientFault)?.code == .offsetOutOfRange, attempt < Self.mostAttempts else { break }
            }
        }
        return told
    }

    private func compare(
        _ partition: TopicPartition, _ rules: SourceRules, _ told: inout ProofReport.Partition
    ) async throws {
        let source = Administrator(ends.source)
        // The mirror first: what it has the source must have, too.
        guard let mirror = try await Administrator(ends.target).describeMirrors([partition])[partition],
            let start = try await source.offsets(.earliest, of: [partition])[partition]?.offset,
            let end = try await sourceEnd(of: partition, behind: mirror)
        else { throw ClientFault.refused(.leaderNotAvailable, "\(partition)") }
        told.lagInRecords = max(0, end - mirror.highWatermark)
        if told.lagInRecords > 0 {
            let standing = await SourceStanding.ask(source, [partition])
            told.lagInMilliseconds =
                standing.lag(of: partition, behind: mirror, from: mirror.highWatermark).milliseconds ?? 0
        }
        try await race(partition, start, mirror.highWatermark..<max(mirror.highWatermark, end), rules, &told)
        let from = max(start, mirror.logStart)
        let range = from..<max(from, min(end, mirror.highWatermark))
        let comparison = DigestComparison(ends: ends)
        let (ours, theirs) = try await comparison.digests(of: partition, range)
        told.from = range.lowerBound
        told.to = range.upperBound
        told.batches = ours.batches
        told.records = ours.records
        told.bytes = ours.bytes
        told.sourceDigest = theirs.text
        told.targetDigest = ours.text
        if ours == theirs {
            told.verdict = .equal
        } else {
            told.verdict = rules.isCompacted ? .compacted : .different
            told.differsFrom = try await comparison.firstDifference(of: partition, in: range)
        }
        for (digest, cluster) in [(theirs, ends.settings.source), (ours, ends.settings.target)]
        where digest.corruptBatches > 0 {
            told.verdict = .different
            told.fault = "\(digest.corruptBatches) batches at \(cluster) are not what their checksums say"
        }
        if mirror.state == .mirroring, mirror.highWatermark > end {
            told.verdict = .different
            told.differsFrom = told.differsFrom ?? end
            told.fault = "it ends at \(end) at the source, and at \(mirror.highWatermark) at the target"
        }
    }

    /// The end of what the source has committed. A new leader knows only after a moment how much of what it has that is.
    private func sourceEnd(
        of partition: TopicPartition, behind mirror: Administrator.DescribedPartition
    ) async throws -> Offset? {
        var end: Offset?
        for _ in 1...Self.mostAttempts {
            end = try await Administrator(ends.source).offsets(.latest, of: [partition])[partition]?.offset
            guard mirror.state == .mirroring, let end, end < mirror.highWatermark else { break }
            try await Task.sleep(for: Self.pause)
        }
        return end
    }

    // MARK: Groups

    private func groupsOutOfStep(_ partitions: Set<TopicPartition>) async throws -> [ProofReport.Group] {
        let source = Administrator(ends.source)
        let target = Administrator(ends.target)
        let mirrors = try await target.describeMirrors(partitions.sorted())
        var found: [ProofReport.Group] = []
        for group in try await source.groups() where ends.settings.groups.contains(group.name) {
            let offsets = try await source.committedOffsets(of: group.name).filter { partitions.contains($0.key) }
            if offsets.isEmpty { continue }
            let present = try await target.committedOffsets(of: group.name)
            for (partition, committed) in offsets.sorted(by: { $0.key < $1.key }) {
                guard let mirror = mirrors[partition] else { continue }
                let mirrored = mirror.logStart...max(mirror.logStart, mirror.highWatermark)
                let there = present[partition]?.offset
                let isBehind =
                    GroupPosition.toCommit(source: committed.offset, before: nil, target: there, mirrored: mirrored)
                    != nil
                if isBehind || there ?? 0 > mirrored.upperBound {
                    found.append(
                        ProofReport.Group(
                            group: group.name, topic: partition.topic, partition: partition.partition,
                            sourceOffset: committed.offset, targetOffset: there))
                }
            }
        }
        return found
    }
}
