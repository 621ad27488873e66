import ClusterModel
import Controller
import MartletClient
import Mirroring
import NIOCore
import Seams

/// Finds out how the topics that came by a link stand; the source may be away.
package struct LinkStatus: Sendable {
    let ends: LinkEnds

    package init(_ ends: LinkEnds) { self.ends = ends }

    /// Of all topics that came by the link, or those selected.
    package func run(_ selection: NameSelection?) async throws -> LinkStatusReport {
        var report = LinkStatusReport(ends.settings)
        guard ends.settings.mode != .compatible else {
            try await tellCopies(&report, selection)
            return report
        }
        let topics = try await ends.topics(selection)
        let partitions = topics.flatMap { topic in
            (0..<topic.partitions).map { TopicPartition(topic: topic.name, partition: $0) }
        }
        async let asked = SourceStanding.ask(Administrator(ends.source), partitions)
        let mirrors = try await Administrator(ends.target).describeMirrors(partitions)
        let gaps = try await gaps(selection)
        let source = await asked
        let homes = source.isReached ? try await homes(partitions.filter { !source.absent.contains($0.topic) }) : [:]
        report.sourceFault = source.fault
        if source.isReached { await tellObjections(&report, selection) }
        let others = try await ends.otherNames(of: source.absent)
        tellDeleted(topics, source.absent.subtracting(others.keys), &report)
        report.gaps = gaps
        tellResting(mirrors, &report)
        report.members = try await LinkMembers.all(of: ends.settings.name, at: ends.target)
        report.topics = topics.map { topic in
            LinkStatusReport.Topic(
                topic: ends.settings.names.atSource(topic.name),
                remote: ends.settings.names.areSame ? nil : topic.name, state: topic.standing.state.name ?? "ordinary",
                homeEpoch: topic.standing.homeEpoch,
                partitions: (0..<topic.partitions).map { index in
                    let partition = TopicPartition(topic: topic.name, partition: index)
                    return LinkStatusReport.Partition(partition, mirrors[partition], source, homes[partition])
                })
        }
        try await tellFullDisks(&report)
        return report
    }

    /// Topics that lag behind while a broker of the target refuses records for want of room.
    private func tellFullDisks(_ report: inout LinkStatusReport) async throws {
        let behind = report.topics.filter { $0.partitions.contains { $0.lagInRecords ?? 0 > 0 } }
        guard !behind.isEmpty else { return }
        let target = Administrator(ends.target)
        for broker in try await target.describeCluster().brokers.keys.sorted() {
            for room in Set(try await target.room(of: broker)) {
                let disk = DiskRoom(totalBytes: room.total, usableBytes: room.usable)
                guard disk.usableBytes < disk.reserveBytes + Int64(ExactPump.longestRequestInBytes) else { continue }
                let cause =
                    "broker \(broker.value) of \(ends.settings.target) has \(room.usable) of \(room.total) bytes free: make "
                    + "room there, and the link goes on"
                report.blocked += behind.map { LinkStatusReport.Objection(topic: $0.topic, cause: cause) }
            }
        }
    }

    /// What the link would bring if something did not stand in its way.
    private func tellObjections(_ report: inout LinkStatusReport, _ selection: NameSelection?) async {
        do {
            _ = try await tellPlan(&report, selection)
        } catch {
            report.sourceFault = "\(error)"
        }
    }

    /// The same; throws what says against asking.
    func tellPlan(_ report: inout LinkStatusReport, _ selection: NameSelection?) async throws -> PlanReport {
        let plan = try await LinkPlan(ends).run()
        report.refusal = plan.refusal
        if let refusal = plan.refusal, report.state == .running {
            report.state = .refused
            report.cause = refusal
        }
        report.unmatchedPatterns = plan.unmatchedPatterns
        report.unmatchedGroupPatterns = plan.unmatchedGroupPatterns
        for one in plan.following { report.notFollowed[one.kind] = one.reason }
        report.blocked = plan.topics.filter {
            $0.action == .blocked && selection?.contains($0.topic) ?? true
        }.map { LinkStatusReport.Objection(topic: $0.topic, cause: $0.reason ?? "") }
        return plan
    }

    /// What people are asked about topics that the source has deleted.
    private func tellDeleted(
        _ topics: [(name: String, partitions: Int32, standing: MirrorStanding)], _ absent: Set<String>,
        _ report: inout LinkStatusReport
    ) {
        guard ends.settings.deletionPolicy == .ask else { return }
        for topic in topics where absent.contains(topic.name) && topic.standing.state == .mirroring {
            report.blocked.append(
                LinkStatusReport.Objection(
                    topic: ends.settings.names.atSource(topic.name),
                    cause: DeletionPolicy.question(ofTopicDeletedAt: ends.settings.source)))
        }
    }

    /// Partitions that wait for somebody to decide about a gap.
    private func tellResting(
        _ mirrors: [TopicPartition: Administrator.DescribedPartition], _ report: inout LinkStatusReport
    ) {
        guard ends.settings.mode == .exact(.stop) else { return }
        for gap in report.gaps {
            let partition = TopicPartition(topic: gap.topic, partition: gap.partition)
            guard let mirror = mirrors[partition], mirror.state == .mirroring, mirror.end == gap.standsAt else {
                continue
            }
            report.blocked.append(
                LinkStatusReport.Objection(
                    topic: ends.settings.names.atSource(gap.topic),
                    cause: "\(partition) rests: \(gap.cause); say what is to become of it (martlet mirror set "
                        + "mirror.gap.policy=continue or rewind)"))
        }
    }

    /// How the source's leaders see partitions; nothing where the source is none of Martlet's or does not answer.
    private func homes(
        _ partitions: [TopicPartition]
    ) async throws -> [TopicPartition: Administrator.DescribedPartition] {
        do {
            return try await Administrator(ends.source).describeMirrors(partitions)
        } catch is ClientFault {
            return [:]
        }
    }

    // MARK: The ledger

    /// The entries of the ledger, each gap as it was last written.
    func gaps(_ selection: NameSelection?) async throws -> [LinkStatusReport.Gap] {
        let name = GapEntry.topic(source: ends.settings.source, target: ends.settings.target)
        var entries: [ByteBuffer: GapEntry] = [:]
        try await ends.target.readRecords(ofAll: name) { records in
            for record in records {
                guard let key = record.key, let value = record.value else { continue }
                entries[key] = try GapEntry(key: key, value: value)
            }
        }
        return entries.values.filter { ends.selects($0.partition.topic, selection) }
            .sorted { ($0.partition, $0.gap.offsets.lowerBound) < ($1.partition, $1.gap.offsets.lowerBound) }
            .map(LinkStatusReport.Gap.init)
    }
}

extension LinkStatusReport.Partition {
    fileprivate init(
        _ partition: TopicPartition, _ mirror: Administrator.DescribedPartition?, _ source: SourceStanding,
        _ home: Administrator.DescribedPartition?
    ) {
        self.init(partition.partition)
        sourceEnd = source.ends[partition]?.offset
        synchrony = home?.synchrony.name
        leaseInMilliseconds = home?.lease?.milliseconds
        guard let mirror else { return }
        state = mirror.state.name ?? "ordinary"
        logStart = mirror.logStart
        highWatermark = mirror.highWatermark
        logEnd = mirror.end
        sizeInBytes = mirror.sizeInBytes
        openTransactions = mirror.openTransactions.count
        cut = mirror.cutOffset >= 0 ? mirror.cutOffset : nil
        (lagInRecords, lagInMilliseconds) = source.lag(of: partition, behind: mirror, from: mirror.highWatermark)
    }
}

extension LinkStatusReport.Gap {
    /// Where the target's log ends while nobody has decided about the gap; nil where the plan tells of it.
    fileprivate var standsAt: Offset? {
        switch MirrorGap.Kind(rawValue: kind) {
        case .overtaken: from
        case .truncated: to
        case .recreated, nil: nil
        }
    }

    fileprivate init(_ entry: GapEntry) {
        self.init(
            topic: entry.partition.topic, partition: entry.partition.partition, kind: entry.gap.kind.rawValue,
            from: entry.gap.offsets.lowerBound, to: entry.gap.offsets.upperBound,
            foundAtUnixMilliseconds: entry.foundAtUnixMilliseconds, policy: entry.policy.rawValue, cause: entry.cause)
    }
}
