import ClusterModel
import Controller
import MartletClient
import Mirroring
import Seams

extension Drill {
    private static let copiesAtOnce = 8

    /// What mirror topics were when the drill began.
    private typealias Standings = [TopicPartition: Administrator.DescribedPartition]

    /// Forks mirror topics of the link, all or those selected; goes on with forks that were begun, and leaves those
    /// alone that are writable.
    /// - Parameters:
    ///   - groupPrefix: stands before the names of groups that get positions in the forks.
    ///   - isRehearsal: changes nothing and tells what would be forked.
    package func start(
        _ selection: NameSelection?, groupPrefix: String, isRehearsal: Bool
    ) async throws -> DrillReport {
        let begunAt = WallClock.unixMilliseconds()
        let topics = try await plan(selection)
        let open = topics.filter { $0.verdict != .leave }
        let origins = open.flatMap(\.origins)
        // While the forks are made, for a lost source takes its time to be found lost.
        async let asked = SourceStanding.ask(Administrator(ends.source), origins)
        let mirrors = try await target.describeMirrors(
            origins, until: ContinuousClock.now + SourceStanding.patienceWithLeaders)
        if let silent = origins.first(where: { mirrors[$0] == nil }) {
            throw UnfitDrill("\(silent) has no leader at \(ends.settings.target)")
        }
        let room = try await capacity(for: open)
        if let objection = room.objection { throw UnfitDrill(objection) }
        let changes = try await creations(open)
        try await target.require(changes, link: fork.name, validatesOnly: true)
        if isRehearsal { return rehearsal(topics, mirrors, room, await asked) }
        try await target.require(changes, link: fork.name)
        let (marks, new) = try await mark(open, mirrors, begunAt)
        try await fill(open, marks)
        let groupFaults = try await bringGroups(open, marks, groupPrefix)
        let promoted = try await promote(open)
        let writableAt = WallClock.unixMilliseconds()
        let source = await asked
        try await markWritable(topics, at: writableAt, marks, new: new, mirrors, source, promoted)
        var report = try await report(selection)
        report.groupFaults = groupFaults
        report.sourceFault = source.fault
        for topic in open {
            report.topics[topic.origin]?.abortedTransactions = promoted.topics[topic.fork]?.abortedTransactions ?? 0
            report.topics[topic.origin]?.fault = promoted.topics[topic.fork]?.fault
        }
        return report
    }

    private func rehearsal(
        _ topics: [Topic], _ mirrors: Standings, _ room: DrillCapacity, _ source: SourceStanding
    ) -> DrillReport {
        var report = DrillReport(fork, room, securityProtocol: ends.target.settings.securityProtocol.rawValue)
        report.isRehearsal = true
        report.sourceFault = source.fault
        for topic in topics {
            var told = DrillReport.Topic(fork: topic.fork, state: DrillReport.State(topic.verdict))
            var mark = ForkMark(end: 0, begunAt: 0)
            (mark.recordsBehind, mark.millisecondsBehind) = (0, 0)
            for partition in topic.origins {
                guard let mirror = mirrors[partition] else { continue }
                var one = DrillReport.Partition(partition: partition.partition)
                (one.from, one.to) = (mirror.logStart, mirror.highWatermark)
                told.partitions.append(one)
                let lag = source.lag(of: partition, behind: mirror, from: mirror.highWatermark)
                mark.recordsBehind.add(lag.records)
                mark.millisecondsBehind.raise(lag.milliseconds)
            }
            told.recordsPossiblyLost = mark.recordsBehind
            told.millisecondsPossiblyLost = mark.millisecondsBehind
            report.topics[topic.origin] = told
        }
        return report
    }

    // MARK: Steps

    /// What makes the forks, or gives those that are there what their mirror topics have got since.
    private func creations(_ topics: [Topic]) async throws -> [Administrator.MirrorChange] {
        let clusterID = try await target.describeCluster().clusterID ?? ""
        return topics.filter { $0.verdict != .promote }.map { topic in
            var change = Administrator.MirrorChange(.mirror, topic.fork, homeEpoch: 0)
            change.topicID = topic.forkID
            change.sourceClusterID = clusterID
            change.partitionCount = topic.partitionCount
            change.replicationFactor = topic.replicas
            change.settings = topic.settings
            return change
        }
    }

    /// Writes down where forks are to end, before anything is copied: whoever goes on later ends there too.
    /// - Returns: the marks of all forks, and the partitions of which there was none before.
    private func mark(
        _ topics: [Topic], _ mirrors: Standings, _ begunAt: Int64
    ) async throws -> (all: [TopicPartition: ForkMark], new: Set<TopicPartition>) {
        let present = try await ForkMarks(cluster: target, fork: fork).read()
        var new: [TopicPartition: ForkMark] = [:]
        for topic in topics where topic.verdict != .promote {
            for (origin, fork) in zip(topic.origins, topic.forks) {
                guard present[fork] == nil, let mirror = mirrors[origin] else { continue }
                new[fork] = ForkMark(end: mirror.highWatermark, begunAt: begunAt)
            }
        }
        try await ForkMarks(cluster: target, fork: fork).write(new)
        return (present.merging(new) { $1 }, Set(new.keys))
    }

    private func fill(_ topics: [Topic], _ marks: [TopicPartition: ForkMark]) async throws {
        let copies = topics.filter { $0.verdict != .promote }.flatMap { topic in
            zip(topic.origins, topic.forks).compactMap { origin, fork in
                marks[fork].map { mark in
                    ForkCopy(
                        cluster: ends.target, link: self.fork.name, origin: origin, fork: fork, forkID: topic.forkID,
                        end: mark.end, limit: limit)
                }
            }
        }
        _ = try await copies.mapConcurrently(atMost: Self.copiesAtOnce) { try await $0.run() }
    }

    private func bringGroups(
        _ topics: [Topic], _ marks: [TopicPartition: ForkMark], _ prefix: String
    ) async throws -> [String: String] {
        var places: [TopicPartition: (fork: TopicPartition, end: Offset)] = [:]
        for topic in topics {
            for (origin, fork) in zip(topic.origins, topic.forks) {
                if let mark = marks[fork] { places[origin] = (fork, mark.end) }
            }
        }
        return places.isEmpty ? [:] : try await ForkGroups(cluster: target).bring(places, prefix: prefix)
    }

    private func promote(_ topics: [Topic]) async throws -> MoveReport {
        var report = MoveReport(link: fork.name, isRehearsal: false)
        for topic in topics {
            report.topics[topic.fork] = MoveReport.Topic(
                partitions: topic.partitionCount, homeEpoch: 0, isDone: false)
        }
        try await Promotion(target: target, link: fork.name, waitingAtMost: limit, isSourceLost: false)
            .run(topics.map { ($0.fork, $0.partitionCount) }, &report)
        return report
    }

    /// Writes down what was measured, also of forks after whose promotion an earlier run was killed.
    private func markWritable(
        _ topics: [Topic], at writableAt: Int64, _ marks: [TopicPartition: ForkMark], new: Set<TopicPartition>,
        _ mirrors: Standings, _ source: SourceStanding, _ promoted: MoveReport
    ) async throws {
        var measured: [TopicPartition: ForkMark] = [:]
        for topic in topics where topic.verdict == .leave || promoted.topics[topic.fork]?.isDone ?? false {
            for (origin, fork) in zip(topic.origins, topic.forks) {
                guard var mark = marks[fork], mark.writableAt == nil else { continue }
                mark.writableAt = writableAt
                // Of what an earlier run has begun nobody knows any more: the source has gone on since.
                if new.contains(fork), let mirror = mirrors[origin] {
                    (mark.recordsBehind, mark.millisecondsBehind) = source.lag(
                        of: origin, behind: mirror, from: mark.end)
                }
                measured[fork] = mark
            }
        }
        try await ForkMarks(cluster: target, fork: fork).write(measured)
    }
}

extension DrillReport.State {
    init(_ verdict: ForkVerdict) {
        switch verdict {
        case .create, .blocked: self = .planned
        case .fill: self = .filling
        case .promote: self = .promoting
        case .leave: self = .writable
        }
    }
}
