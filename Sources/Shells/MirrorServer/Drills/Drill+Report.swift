import ClusterModel
import MartletClient
import Mirroring

extension Drill {
    private static let comparisonsAtOnce = 8
    /// How often a range is chosen anew because a log's start has moved over it.
    private static let mostAttempts = 5

    /// How the forks stand that there are, all or those of selected mirror topics. Digests of both are compared, which
    /// reads all that was forked.
    package func report(_ selection: NameSelection?) async throws -> DrillReport {
        let topics = try await standingForks(selection)
        var report = DrillReport(
            fork, try await capacity(for: topics.filter { $0.verdict == .fill }),
            securityProtocol: ends.target.settings.securityProtocol.rawValue)
        let marks = try await ForkMarks(cluster: target, fork: fork).read()
        let sizes = try await target.describeMirrors(topics.flatMap(\.forks)).mapValues(\.sizeInBytes)
        for topic in topics {
            var told = DrillReport.Topic(fork: topic.fork, state: DrillReport.State(topic.verdict))
            told.spaceInBytes = topic.forks.reduce(0) { $0 + (sizes[$1] ?? 0) } * Int64(topic.replicas)
            Self.tellMarks(topic.forks.map { marks[$0] }, &told)
            report.topics[topic.origin] = told
        }
        try await compare(topics, marks, &report)
        try await tellPositions(topics, &report)
        let measured = topics.flatMap(\.forks).map { marks[$0] }
        report.secondsToWritable = Self.seconds(measured)
        do {
            report.following = try await LinkFollowing(ends.settings, source: ends.source, target: ends.target).report()
        } catch {
            report.sourceFault = "\(error)"
        }
        return report
    }

    // MARK: What was measured

    private static func tellMarks(_ marks: [ForkMark?], _ told: inout DrillReport.Topic) {
        told.secondsToWritable = seconds(marks)
        told.recordsPossiblyLost = 0
        told.millisecondsPossiblyLost = 0
        for mark in marks {
            told.recordsPossiblyLost.add(mark?.recordsBehind)
            told.millisecondsPossiblyLost.raise(mark?.millisecondsBehind)
        }
    }

    /// From when the first was begun until all were writable; nil when one is not, or nobody knows.
    private static func seconds(_ marks: [ForkMark?]) -> Double? {
        let known = marks.compactMap { mark in mark.flatMap { mark in mark.writableAt.map { (mark.begunAt, $0) } } }
        guard known.count == marks.count, let begun = known.map(\.0).min(), let end = known.map(\.1).max() else {
            return nil
        }
        return Double(max(0, end - begun)) / 1_000
    }

    // MARK: Digests

    private struct Comparison: Sendable {
        var topic: Topic
        var origin: TopicPartition
        var fork: TopicPartition
        var mark: ForkMark?
    }

    private func compare(
        _ topics: [Topic], _ marks: [TopicPartition: ForkMark], _ report: inout DrillReport
    ) async throws {
        let comparisons = topics.flatMap { topic in
            zip(topic.origins, topic.forks).map {
                Comparison(topic: topic, origin: $0, fork: $1, mark: marks[$1])
            }
        }
        let told = try await comparisons.mapConcurrently(atMost: Self.comparisonsAtOnce) { one in
            (one.topic.origin, await compare(one))
        }
        for (origin, partition) in told { report.topics[origin]?.partitions.append(partition) }
    }

    private func compare(_ one: Comparison) async -> DrillReport.Partition {
        var told = DrillReport.Partition(partition: one.fork.partition)
        for attempt in 1...Self.mostAttempts {
            do {
                try await compare(one, &told)
                return told
            } catch {
                told.fault = "\(error)"
                guard (error as? ClientFault)?.code == .offsetOutOfRange, attempt < Self.mostAttempts else { break }
            }
        }
        return told
    }

    private func compare(_ one: Comparison, _ told: inout DrillReport.Partition) async throws {
        let standings = try await target.describeMirrors([one.origin, one.fork])
        told.forkEnd = standings[one.fork]?.highWatermark
        guard let mark = one.mark else {
            told.fault = "nobody knows any more up to where it was forked"
            return
        }
        told.to = mark.end
        guard let mirror = standings[one.origin], let own = standings[one.fork] else {
            throw ClientFault.refused(.leaderNotAvailable, "\(one.origin), or its fork")
        }
        guard one.topic.verdict != .fill || own.highWatermark >= mark.end else {
            told.fault = "it is not filled yet"
            return
        }
        let from = max(mirror.logStart, own.logStart)
        let range = from..<max(from, mark.end)
        async let theirs = target.digest(of: one.origin, range)
        let ours = try await target.digest(of: one.fork, range)
        (told.from, told.batches, told.records, told.bytes) = (from, ours.batches, ours.records, ours.bytes)
        told.forkDigest = ours.text
        told.mirrorDigest = try await theirs.text
        // A fork is compacted as its settings say, a mirror topic is as its source.
        let isCompacted = one.topic.settings["cleanup.policy"]?.contains("compact") ?? false
        told.verdict = told.forkDigest == told.mirrorDigest ? .equal : isCompacted ? .compacted : .different
        told.fault = nil
    }

    // MARK: Groups

    private func tellPositions(_ topics: [Topic], _ report: inout DrillReport) async throws {
        let partitions = topics.flatMap(\.forks)
        if partitions.isEmpty { return }
        let ends = try await target.describeMirrors(partitions).mapValues(\.highWatermark)
        let positions = try await ForkGroups(cluster: target).positions(in: Set(partitions))
        for (group, offsets) in positions.sorted(by: { $0.key < $1.key }) {
            for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
                report.positions.append(
                    DrillReport.Position(
                        group: group, topic: partition.topic, partition: partition.partition, offset: offset,
                        lagInRecords: ends[partition].map { max(0, $0 - offset) }))
            }
        }
    }
}
