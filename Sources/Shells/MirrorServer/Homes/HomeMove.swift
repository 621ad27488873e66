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
    typealias MovedTopic = (name: String, partitions: Int32, standing: MirrorStanding)

    static let pause = Duration.milliseconds(50)

    let ends: LinkEnds
    let kind: Kind
    /// For each of the waits of a move.
    let limit: Duration

    var target: Administrator { Administrator(ends.target) }
    var source: Administrator { Administrator(ends.source) }
    var link: String { ends.settings.name }

    /// A failover takes back what has gone to a source that is lost now.
    func topics(_ selection: NameSelection?) async throws -> [MovedTopic] {
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
                report.groupFaults = try await closeSource(try await inStep(topics, selection))
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
        var aborted = try await Promotion(
            target: target, link: link, waitingAtMost: limit, isSourceLost: kind == .failover, oldHomes: oldHomes
        ).run(moved.map { ($0.name, $0.partitions) }, &report)
        let reclaimed = topics.filter(isReclaimed)
        aborted.merge(
            try await Promotion(
                target: target, link: ends.settings.reverse, waitingAtMost: limit, isSourceLost: true, reclaims: true
            ).run(reclaimed.map { ($0.name, $0.partitions) }, &report)
        ) { $1 }
        return aborted
    }

    private func oldHomes(of topics: [MovedTopic]) async throws -> OldHomes {
        let settings = try await target.topicSettings(topics.map(\.name))
        var leased: [String: OldHomes.Leased] = [:]
        for topic in topics {
            guard let lease = HomeLease.limit(settings[topic.name] ?? [:]) else { continue }
            leased[topic.name] = .init(partitions: topic.partitions, lease: lease)
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
}

extension [(name: String, partitions: Int32, standing: MirrorStanding)] {
    /// Those that are fenced.
    fileprivate var notReturned: [String] { filter { $0.standing.state == .fenced }.map(\.name) }
}

/// A move that stands still; it goes on when it is begun again.
package struct UnfinishedMove: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
