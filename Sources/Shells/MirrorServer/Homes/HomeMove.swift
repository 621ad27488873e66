import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring
import Seams

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

    /// As the target has it.
    private typealias MovedTopic = (name: String, partitions: Int32, standing: MirrorStanding)

    private static let pause = Duration.milliseconds(50)

    let ends: LinkEnds
    let kind: Kind
    /// For each of the waits of a move.
    let limit: Duration

    private var target: Administrator { Administrator(ends.target) }
    private var source: Administrator { Administrator(ends.source) }
    private var link: String { ends.settings.name }

    /// A failover takes back what has gone to a source that is lost now.
    private func topics(_ selection: NameSelection?) async throws -> [MovedTopic] {
        try await ends.topics(selection, alsoGone: kind == .failover)
    }

    private func isReclaimed(_ topic: MovedTopic) -> Bool { topic.standing.link != link }

    package init(_ kind: Kind, _ ends: LinkEnds, waitingAtMost limit: Duration) {
        self.kind = kind
        self.ends = ends
        self.limit = limit
    }

    /// Moves the topics that came by the link, all or those selected, and tells what became of each. A failover moves
    /// those too whose home has moved from the target to the source before.
    /// - Parameter isRehearsal: changes nothing and tells what would be lost.
    /// - Throws: also ``CompatibleLink``.
    package func run(_ selection: NameSelection?, isRehearsal: Bool) async throws -> MoveReport {
        let begun = ContinuousClock.now
        var report = MoveReport(link: link, isRehearsal: isRehearsal)
        let topics = try await topics(selection)
        // The way back need not be a link yet when it is needed.
        if !topics.contains(where: isReclaimed) {
            try ends.checkIsExact("only mirror topics have a home that can move (mode=exact)")
        }
        if kind == .planned { report.notReturned = try await ends.topics(selection, alsoGone: true).notReturned }
        for topic in topics {
            report.topics[topic.name] = MoveReport.Topic(
                partitions: topic.partitions, homeEpoch: topic.standing.homeEpoch,
                isDone: topic.standing.state == .ordinary, isReclaimed: isReclaimed(topic))
        }
        let open = Set(topics.filter { $0.standing.state != .ordinary }.map(\.name))
        let partitions = [TopicPartition](of: topics.map { ($0.name, $0.partitions) })
        // While the target is being promoted, for a lost source takes its time to be found lost.
        let gone = [TopicPartition](of: topics.filter(isReclaimed).map { ($0.name, $0.partitions) })
        async let asked = SourceStanding.ask(
            source, partitions, settingsOf: topics.map(\.name), describing: gone)
        let mirrors = try await target.describeMirrors(partitions, until: begun + SourceStanding.patienceWithLeaders)
        var markers: [TopicPartition: Int] = [:]
        var last: SourceStanding?
        if !isRehearsal {
            if kind == .planned {
                if !open.isEmpty {
                    try checkThatLinkWorks()
                    try await checkNames(of: open)
                }
                let current = try await inStep(topics, selection)
                // What is being promoted already had everything when that began.
                let closing = current.filter { $0.standing.state == .mirroring }.map(\.name)
                report.groupFaults = try await closeSource(current, closing)
            }
            // The mirror may have brought more partitions meanwhile.
            let grown = try await self.topics(selection).filter { open.contains($0.name) }
            markers = try await promote(grown, &report)
            if kind == .failover {
                last = await closeLostSource(partitions, open, mirrors, &report)
            } else {
                report.isSourceFenced = true
            }
        }
        let first = await asked
        report.sourceFault = report.sourceFault ?? first.fault
        var standing = last ?? first
        // What the source itself had from elsewhere, nobody here knows the end of.
        standing.mirrors.formUnion(first.mirrors)
        try await tellOtherHomes(first, open, &report)
        // Where it had been cut was told before it was fenced, and where it ends after that.
        standing.described = first.described.merging(standing.described) { first, last in
            var both = first
            both.highWatermark = last.highWatermark
            return both
        }
        for partition in partitions {
            report.tell(
                partition, standing, mirrors[partition], isMoved: !open.contains(partition.topic),
                markers: markers[partition] ?? 0)
        }
        report.seconds = (ContinuousClock.now - begun) / .seconds(1)
        return report
    }

    /// - Returns: how many transactions were aborted in partitions.
    private func promote(_ topics: [MovedTopic], _ report: inout MoveReport) async throws -> [TopicPartition: Int] {
        let moved = topics.filter { !isReclaimed($0) }
        let oldHomes = try await oldHomes(of: moved)
        async let _ = oldHomes.close()
        var aborted = try await Promotion(target: target, link: link, waitingAtMost: limit, oldHomes: oldHomes)
            .run(moved.map { ($0.name, $0.partitions) }, &report)
        let reclaimed = topics.filter(isReclaimed)
        aborted.merge(
            try await Promotion(target: target, link: ends.settings.reverse, waitingAtMost: limit, reclaims: true)
                .run(reclaimed.map { ($0.name, $0.partitions) }, &report)
        ) { $1 }
        return aborted
    }

    private func oldHomes(of topics: [MovedTopic]) async throws -> OldHomes {
        let settings = try await target.topicSettings(topics.map(\.name))
        var leased: [String: OldHomes.Leased] = [:]
        for topic in topics {
            guard let lease = HomeLease.limit(settings[topic.name] ?? [:]) else { continue }
            leased[topic.name] = .init(
                partitions: topic.partitions, homeEpoch: topic.standing.homeEpoch + 1, lease: lease)
        }
        let targetID = try await target.describeCluster().clusterID ?? ""
        return OldHomes(leased, source: source, targetID: targetID, link: link)
    }

    /// A source that was fenced for another cluster's sake has not been the home: where it was asked in time, nothing was begun.
    private func tellOtherHomes(
        _ first: SourceStanding, _ open: Set<String>, _ report: inout MoveReport
    ) async throws {
        let fenced = first.standings.filter { open.contains($0.key) && $0.value.state == .fenced }
        guard !fenced.isEmpty else { return }
        let targetID = try await target.describeCluster().clusterID ?? ""
        for (name, standing) in fenced {
            guard let other = standing.homeElsewhere(than: targetID, ends.settings.source) else { continue }
            report.topics[name]?.fault = "\(other), and only one of both may be written"
        }
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

    /// Topics that the source has under other names than the link gives them, since those were changed, would not be found there.
    private func checkNames(of topics: Set<String>) async throws {
        guard let (name, other) = try await ends.otherNames(of: topics).min(by: { $0.key < $1.key }) else { return }
        throw UnfinishedMove(
            "\(ends.settings.source) has \(name) as \(ends.settings.names.atSource(other)), which by the link's "
                + "replication.policy has another name here, so nothing was begun: set that back")
    }

    /// Waits until the target knows the epochs of the source's homes: a move that was given up has left a new one there,
    /// of which the mirror has to hear before the next one begins. Nothing has been closed for that.
    private func inStep(_ topics: [MovedTopic], _ selection: NameSelection?) async throws -> [MovedTopic] {
        let deadline = ContinuousClock.now + limit
        let targetID = try await target.describeCluster().clusterID ?? ""
        var topics = topics
        while true {
            let homes = try await source.topicSettings(topics.map(\.name)).mapValues { MirrorStanding($0) }
            for topic in topics where topic.standing.state == .mirroring {
                guard let other = homes[topic.name]?.homeElsewhere(than: targetID, ends.settings.source) else {
                    continue
                }
                throw UnfinishedMove("topic \(topic.name): \(other); nothing was begun")
            }
            let behind = topics.filter { topic in
                guard let home = homes[topic.name], home.state == .ordinary else { return false }
                return topic.standing.state == .mirroring && topic.standing.homeEpoch < home.homeEpoch
            }
            guard let first = behind.first else { return topics }
            guard ContinuousClock.now < deadline else {
                throw UnfinishedMove(
                    "the mirror has not brought the home epoch of \(first.name) in time, so nothing was begun")
            }
            try await Task.sleep(for: Self.pause)
            topics = try await self.topics(selection)
        }
    }

    /// Lets nobody write at the source any more, and waits until the mirror has brought what is there. When that does not
    /// succeed the source is opened again.
    /// - Returns: groups that cannot go on at the target where they were, with why.
    private func closeSource(_ topics: [MovedTopic], _ open: [String]) async throws -> [String: String] {
        do {
            let deleted = try await fence(topics)
            return try await GroupHandover(ends: ends).bring(
                try await awaitTheRest(open.filter { !deleted.contains($0) }))
        } catch {
            try await unfence(open)
            throw UnfinishedMove("\(error); \(ends.settings.source) is open for writing again")
        }
    }

    /// Nobody writes at the source any more. Where a move was begun before, that is so already.
    /// - Returns: topics that the source has deleted: what the target has of them is all that there is.
    private func fence(_ topics: [MovedTopic]) async throws -> Set<String> {
        let targetID = try await target.describeCluster().clusterID ?? ""
        let changes = topics.map { topic in
            let isDone = topic.standing.state == .ordinary
            return Administrator.MirrorChange.fence(
                topic.name, homeEpoch: isDone ? topic.standing.homeEpoch : topic.standing.homeEpoch + 1,
                newHome: targetID)
        }
        return try await source.requireOfPresent(changes, link: link)
    }

    /// The mirror brings what the source still has.
    /// - Returns: what the target then has.
    private func awaitTheRest(_ topics: [String]) async throws -> [TopicPartition: ClosedRange<Offset>] {
        let shapes = try await source.topics(topics)
        if let unknown = topics.first(where: { shapes[$0] == nil }) {
            throw UnfinishedMove("a broker of \(ends.settings.source) does not know topic \(unknown)")
        }
        let partitions = [TopicPartition](
            of: shapes.values.sorted { $0.name < $1.name }.map { ($0.name, Int32($0.partitions.count)) })
        let deadline = ContinuousClock.now + limit
        while true {
            let sources = try await source.describeMirrors(partitions)
            let targets = try await target.describeMirrors(partitions)
            let missing = partitions.filter { !Self.isComplete(source: sources[$0], target: targets[$0]) }
            if missing.isEmpty { return targets.mapValues { $0.logStart...max($0.logStart, $0.highWatermark) } }
            guard ContinuousClock.now < deadline else {
                throw UnfinishedMove("the mirror has not brought all of \(missing.inWords) in time")
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Whether the ends at both sides are the same and committed, and the source cannot be written any more.
    private static func isComplete(
        source: Administrator.DescribedPartition?, target: Administrator.DescribedPartition?
    ) -> Bool {
        guard let source, let target else { return false }
        return TopicPromotion.isComplete(source: PartitionStanding(source), target: PartitionStanding(target))
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
        try await source.require(changes, link: link)
    }

    // MARK: The lost source

    /// Lets nobody write at the old home, where it can be told, and groups go on where they were there.
    /// - Returns: how far it had come in the end; nil when it could not be told.
    private func closeLostSource(
        _ partitions: [TopicPartition], _ open: Set<String>,
        _ mirrors: [TopicPartition: Administrator.DescribedPartition], _ report: inout MoveReport
    ) async -> SourceStanding? {
        do {
            try await tellSource(&report)
            try await awaitFence(of: partitions.filter { report.topics[$0.topic]?.isDone ?? false })
            var readable: [TopicPartition: ClosedRange<Offset>] = [:]
            for (partition, mirror) in mirrors where open.contains(partition.topic) {
                // Where groups are at a home that has parted from this one says nothing here.
                guard let topic = report.topics[partition.topic], topic.isDone, !topic.isReclaimed,
                    topic.cuts.indices.contains(Int(partition.partition))
                else { continue }
                readable[partition] = mirror.logStart...max(mirror.logStart, topic.cuts[Int(partition.partition)])
            }
            report.groupFaults.merge(try await GroupHandover(ends: ends).bring(readable)) { $1 }
            let moved = Set(partitions.map(\.topic)).subtracting(open)
            let standing = await SourceStanding.ask(
                source, partitions, settingsOf: moved.sorted(),
                describing: partitions.filter { report.topics[$0.topic]?.isReclaimed ?? false })
            return standing.fault == nil ? standing : nil
        } catch {
            report.sourceFault = "\(error)"
            return nil
        }
    }

    /// The old home must not be written when it returns. When it cannot be told now, the mirror tells it then.
    private func tellSource(_ report: inout MoveReport) async throws {
        let done = report.topics.filter { $0.value.isDone }.sorted { $0.key < $1.key }
        let targetID = try await target.describeCluster().clusterID ?? ""
        let theirs = try await source.topicSettings(done.map(\.key)).mapValues { MirrorStanding($0) }
        let changes = done.compactMap { name, topic -> Administrator.MirrorChange? in
            // What is mirrored from here takes no writes there.
            if let their = theirs[name], their.state == .mirroring, their.sourceClusterID == targetID { return nil }
            return Administrator.MirrorChange.fence(name, homeEpoch: topic.homeEpoch, newHome: targetID)
        }
        let absent = try await source.requireOfPresent(changes, link: link)
        let others = try await ends.otherNames(of: absent)
        let rest = changes.compactMap { change -> Administrator.MirrorChange? in
            guard let name = others[change.topic] else { return nil }
            return .fence(name, homeEpoch: change.homeEpoch, newHome: targetID)
        }
        try await source.require(rest, link: link)
        report.isSourceFenced = true
    }

    /// Leaders hear of it from the tree. Those that do not answer are not waited for.
    private func awaitFence(of partitions: [TopicPartition]) async throws {
        let deadline = ContinuousClock.now + SourceStanding.patienceWithLeaders
        while ContinuousClock.now < deadline {
            let standings = try await source.describeMirrors(partitions)
            if standings.values.allSatisfy({ $0.state != .ordinary }) { return }
            try await Task.sleep(for: Self.pause)
        }
    }
}

extension [(name: String, partitions: Int32, standing: MirrorStanding)] {
    /// Those that are fenced.
    fileprivate var notReturned: [String] { filter { $0.standing.state == .fenced }.map(\.name) }
}

extension MirrorStanding {
    /// What is said of a source that is not the home, and has not been fenced for the target's sake; nil when there is nothing
    /// to say.
    fileprivate func homeElsewhere(than targetID: String, _ source: String) -> String? {
        guard sourceClusterID != targetID else { return nil }
        return switch state {
        case .ordinary: nil
        case .fenced: "its home has moved from \(source) to a third cluster by link \(link)"
        case .mirroring, .promoting: "its home is not \(source), which has it by link \(link): move it there first"
        }
    }
}

/// A move that stands still; it goes on when it is begun again.
package struct UnfinishedMove: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
