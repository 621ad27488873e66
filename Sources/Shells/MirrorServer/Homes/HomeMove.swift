import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring

/// Moves the home of a link's topics to its target: planned, so that nothing is lost, or because the source is lost.
///
/// Every step is idempotent and its outcome is in the clusters' trees, so a move that was killed goes on when it is begun
/// again.
package struct HomeMove: Sendable {
    package enum Kind: Sendable {
        /// The source is fenced first and mirrored to its end. Needs both clusters and a running mirror.
        case planned
        /// The target goes on with what it has.
        case failover
    }

    private static let pause = Duration.milliseconds(50)
    private static let topicsAtOnce = 1_000

    let ends: LinkEnds
    let kind: Kind
    /// For each of the waits of a move.
    let limit: Duration

    private var target: Administrator { Administrator(ends.target) }
    private var source: Administrator { Administrator(ends.source) }
    private var link: String { ends.settings.name }

    package init(_ kind: Kind, _ ends: LinkEnds, waitingAtMost limit: Duration) {
        self.kind = kind
        self.ends = ends
        self.limit = limit
    }

    /// Moves the topics that came by the link, all or those selected, and tells what became of each.
    /// - Parameter isRehearsal: changes nothing and tells what would be lost.
    package func run(_ selection: NameSelection?, isRehearsal: Bool) async throws -> MoveReport {
        let begun = ContinuousClock.now
        var report = MoveReport(link: link, isRehearsal: isRehearsal)
        let topics = try await ends.topics(selection)
        for topic in topics {
            report.topics[topic.name] = MoveReport.Topic(
                partitions: topic.partitions, homeEpoch: topic.standing.homeEpoch,
                isDone: topic.standing.state == .ordinary)
        }
        let open: [(name: String, partitions: Int32)] = topics.filter { $0.standing.state != .ordinary }
            .map { ($0.name, $0.partitions) }
        let partitions = Self.partitions(open)
        // While the target is being promoted, for a lost source takes its time to be found lost.
        async let asked = SourceStanding.ask(source, partitions)
        let mirrors = try await target.describeMirrors(partitions)
        if !isRehearsal {
            if kind == .planned {
                if !open.isEmpty { try checkThatLinkWorks() }
                // What is being promoted already had everything when that began.
                try await closeSource(topics, topics.filter { $0.standing.state == .mirroring }.map(\.name))
            }
            // The mirror may have brought more partitions meanwhile.
            let names = Set(open.map(\.name))
            let grown = try await ends.topics(selection).filter { names.contains($0.name) }
            try await promote(grown.map { ($0.name, $0.partitions) }, &report)
            if kind == .failover { await tellSource(&report) } else { report.isSourceFenced = true }
        }
        let standing = await asked
        report.sourceFault = report.sourceFault ?? standing.fault
        for partition in partitions { compare(partition, standing, mirrors[partition], &report) }
        report.seconds = (ContinuousClock.now - begun) / .seconds(1)
        return report
    }

    // MARK: What may be lost

    private func compare(
        _ partition: TopicPartition, _ source: SourceStanding, _ mirror: Administrator.DescribedPartition?,
        _ report: inout MoveReport
    ) {
        var lost: (records: Int64?, milliseconds: Int64?) = (nil, nil)
        if let mirror {
            let cuts = report.topics[partition.topic]?.cuts ?? []
            let reached = cuts.isEmpty ? mirror.highWatermark : cuts[Int(partition.partition)]
            lost = source.lag(of: partition, behind: mirror, from: reached)
        }
        report.topics[partition.topic]?.recordsPossiblyLost.add(lost.records)
        report.topics[partition.topic]?.millisecondsPossiblyLost.raise(lost.milliseconds)
        report.topics[partition.topic]?.lastTimestamp.raise(mirror?.maxTimestamp)
    }

    // MARK: Planned

    /// Nobody would bring the rest, and the source would be closed for nothing.
    private func checkThatLinkWorks() throws(UnfinishedMove) {
        switch ends.settings.state {
        case .paused, .deleted, .refused:
            let cause = ends.settings.cause.map { " (\($0))" } ?? ""
            throw UnfinishedMove(
                "link \(link) is \(ends.settings.state.rawValue)\(cause), so nothing was begun: let it run, or fail over"
            )
        case .running, .disabled: break
        }
    }

    /// Lets nobody write at the source any more, and waits until the mirror has brought what is there. When that does not
    /// succeed the source is opened again.
    private func closeSource(
        _ topics: [(name: String, partitions: Int32, standing: MirrorStanding)],
        _ open: [String]
    ) async throws {
        do {
            try await fence(topics)
            try await awaitTheRest(open)
        } catch {
            try await unfence(open)
            throw UnfinishedMove("\(error); \(ends.settings.source) is open for writing again")
        }
    }

    /// Nobody writes at the source any more. Where a move was begun before, that is so already.
    private func fence(_ topics: [(name: String, partitions: Int32, standing: MirrorStanding)]) async throws {
        let targetID = try await target.describeCluster().clusterID ?? ""
        let changes = topics.map { topic in
            let isDone = topic.standing.state == .ordinary
            var change = Administrator.MirrorChange(
                .fence, topic.name, homeEpoch: isDone ? topic.standing.homeEpoch : topic.standing.homeEpoch + 1)
            change.sourceClusterID = targetID
            return change
        }
        try await Self.require(changes, at: source, link: link)
    }

    /// The mirror brings what the source still has.
    private func awaitTheRest(_ topics: [String]) async throws {
        let shapes = try await source.topics(topics)
        let partitions = Self.partitions(
            shapes.values.sorted { $0.name < $1.name }.map { ($0.name, Int32($0.partitions.count)) })
        let deadline = ContinuousClock.now + limit
        while true {
            let missing = try await missing(partitions)
            if missing.isEmpty { return }
            guard ContinuousClock.now < deadline else {
                throw UnfinishedMove("the mirror has not brought all of \(Self.some(missing)) in time")
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Partitions of the source whose ends at both sides are not the same and committed, or that can still be written.
    private func missing(_ partitions: [TopicPartition]) async throws -> [TopicPartition] {
        let sources = try await source.describeMirrors(partitions)
        let targets = try await target.describeMirrors(partitions)
        return partitions.filter { partition in
            guard let source = sources[partition], let target = targets[partition] else { return true }
            return source.state != .fenced || source.highWatermark != source.end || target.end != source.end
                || target.highWatermark != target.end
        }
    }

    /// Opens the source again for topics that nobody has begun to promote.
    private func unfence(_ names: [String]) async throws {
        let mirrors = try await target.topicSettings(names).mapValues { MirrorStanding($0) }
        let standings = try await source.topicSettings(names).mapValues { MirrorStanding($0) }
        let changes = names.compactMap { name -> Administrator.MirrorChange? in
            guard let standing = standings[name], standing.state == .fenced, mirrors[name]?.state == .mirroring else {
                return nil
            }
            return Administrator.MirrorChange(.unfence, name, homeEpoch: standing.homeEpoch + 1)
        }
        try await Self.require(changes, at: source, link: link)
    }

    // MARK: At the target

    /// What one look at the target's leaders asks for.
    private struct Round {
        var changes: [Administrator.MirrorChange] = []
        var aborts: [TopicPartition: [Administrator.OpenTransaction]] = [:]
        var cuts: [TopicPartition: Offset] = [:]
        var waiting: [TopicPartition] = []
    }

    private func promote(_ topics: [(name: String, partitions: Int32)], _ report: inout MoveReport) async throws {
        var rest = topics
        let deadline = ContinuousClock.now + limit
        while !rest.isEmpty {
            let standings = try await target.describeMirrors(Self.partitions(rest))
            let round = look(at: rest, standings, &report)
            rest.removeAll { report.topics[$0.name].map { $0.isDone || $0.fault != nil } ?? true }
            if rest.isEmpty { return }
            guard ContinuousClock.now < deadline else {
                throw UnfinishedMove(
                    "\(rest.count) topics are not promoted yet, and leaders of \(Self.some(round.waiting)) do not "
                        + "answer as they should; run it again to go on")
            }
            if !round.aborts.isEmpty { try await target.abort(round.aborts) }
            if !round.cuts.isEmpty { try await clampGroups(round.cuts, &report) }
            try await Self.require(round.changes, at: target, link: link)
            // Leaders hear of it from the tree.
            try await Task.sleep(for: Self.pause)
        }
    }

    private func look(
        at topics: [(name: String, partitions: Int32)],
        _ standings: [TopicPartition: Administrator.DescribedPartition], _ report: inout MoveReport
    ) -> Round {
        var round = Round()
        for (name, count) in topics {
            switch TopicPromotion.next(Self.standings(of: name, count, standings), count: count, link: link) {
            case .begin(let homeEpoch):
                round.changes.append(Administrator.MirrorChange(.beginPromotion, name, homeEpoch: homeEpoch))
            case .wait(let partitions):
                round.waiting += partitions.map { TopicPartition(topic: name, partition: $0) }
            case .abort(let partitions):
                for index in partitions {
                    let partition = TopicPartition(topic: name, partition: index)
                    round.aborts[partition] = standings[partition]?.openTransactions
                    report.topics[name]?.abortedTransactions += round.aborts[partition]?.count ?? 0
                }
            case .promote(let homeEpoch, let cuts):
                var change = Administrator.MirrorChange(.promote, name, homeEpoch: homeEpoch)
                change.cuts = cuts
                round.changes.append(change)
                for (index, cut) in cuts { round.cuts[TopicPartition(topic: name, partition: index)] = cut }
                report.topics[name]?.cuts = cuts.sorted { $0.key < $1.key }.map(\.value)
            case .done(let homeEpoch):
                report.topics[name]?.isDone = true
                report.topics[name]?.homeEpoch = homeEpoch
            case .refuse(let reason): report.topics[name]?.fault = reason
            }
        }
        return round
    }

    private static func standings(
        of topic: String, _ count: Int32, _ found: [TopicPartition: Administrator.DescribedPartition]
    ) -> [Int32: TopicPromotion.Partition] {
        var standings: [Int32: TopicPromotion.Partition] = [:]
        for index in 0..<count {
            guard let told = found[TopicPartition(topic: topic, partition: index)] else { continue }
            standings[index] = TopicPromotion.Partition(
                state: told.state, link: told.link, homeEpoch: told.homeEpoch, lastStableOffset: told.lastStableOffset,
                hasOpenTransactions: !told.openTransactions.isEmpty)
        }
        return standings
    }

    /// Nobody goes on behind what is dropped.
    private func clampGroups(_ cuts: [TopicPartition: Offset], _ report: inout MoveReport) async throws {
        let groups = try await target.groups().map(\.name)
        let faults = try await groups.mapConcurrently { group in (group, try await clamp(group, cuts)) }
        for (group, fault) in faults { if let fault { report.groupFaults[group] = "\(fault)" } }
    }

    /// Why a group could not be set back: its members are at work, and would have to be told.
    private func clamp(_ group: String, _ cuts: [TopicPartition: Offset]) async throws -> ClientFault? {
        let clamped = try await target.committedOffsets(of: group).compactMap { partition, committed in
            cuts[partition].flatMap { $0 < committed.offset ? (partition, $0) : nil }
        }
        guard !clamped.isEmpty else { return nil }
        do {
            try await target.commitOffsets(Dictionary(uniqueKeysWithValues: clamped), of: group)
            return nil
        } catch let fault as ClientFault where !fault.isRetriable {
            return fault
        }
    }

    // MARK: The lost source

    /// The old home must not be written when it returns. When it cannot be told now, the mirror tells it then.
    private func tellSource(_ report: inout MoveReport) async {
        let done = report.topics.filter { $0.value.isDone }.sorted { $0.key < $1.key }
        do {
            let targetID = try await target.describeCluster().clusterID ?? ""
            let changes = done.map { name, topic in
                var change = Administrator.MirrorChange(.fence, name, homeEpoch: topic.homeEpoch)
                change.sourceClusterID = targetID
                return change
            }
            try await Self.require(changes, at: source, link: link)
            report.isSourceFenced = true
        } catch {
            report.sourceFault = "\(error)"
        }
    }

    // MARK: Small things

    /// Makes changes, many topics at once; throws the first refusal.
    private static func require(
        _ changes: [Administrator.MirrorChange], at cluster: Administrator, link: String
    ) async throws {
        for start in stride(from: 0, to: changes.count, by: topicsAtOnce) {
            let some = Array(changes[start..<min(start + topicsAtOnce, changes.count)])
            let results = try await cluster.alterMirrors(some, link: link)
            for change in some {
                guard let result = results[change.topic] else {
                    throw UnfinishedMove("nobody answered for topic \(change.topic)")
                }
                _ = try result.get()
            }
        }
    }

    private static func partitions(_ topics: [(name: String, partitions: Int32)]) -> [TopicPartition] {
        topics.flatMap { topic in (0..<topic.partitions).map { TopicPartition(topic: topic.name, partition: $0) } }
    }

    /// The first of them, for people.
    private static func some(_ partitions: [TopicPartition]) -> String {
        let names = partitions.prefix(3).map(\.description).joined(separator: ", ")
        return partitions.count > 3 ? "\(names) and \(partitions.count - 3) more" : names
    }
}

/// A move that stands still; it goes on when it is begun again.
package struct UnfinishedMove: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
