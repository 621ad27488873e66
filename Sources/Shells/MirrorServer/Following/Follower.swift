import Logging
import MartletClient
import Mirroring

/// Keeps one kind of things at the target in step with the source's.
///
/// A thing is marked as the link's before it is set, and given up after it is removed: whenever the mirror ends, it knows
/// afterwards what it may change.
struct Follower<Kind: FollowedKind>: LinkFollower {
    let kind: Kind
    let interval: Duration
    private let link: String
    private let source: Administrator
    private let target: Administrator
    private let marks: FollowMarks<Kind.Name>
    /// Of the link the other way, at the source.
    private let reverseMarks: FollowMarks<Kind.Name>

    init(_ kind: Kind, every interval: Duration, settings: LinkSettings, source: KafkaClient, target: KafkaClient) {
        self.kind = kind
        self.interval = interval
        link = settings.name
        self.source = Administrator(source)
        self.target = Administrator(target)
        let replicas = settings.replication.remoteTopics
        marks = FollowMarks(source: settings.source, target: settings.target, in: target, replicas: replicas)
        reverseMarks = FollowMarks(source: settings.target, target: settings.source, in: source, replicas: replicas)
    }

    var part: String { Kind.words }

    /// One look at both clusters.
    private struct Look {
        var source: [Kind.Name: Kind.Value]
        var target: [Kind.Name: Kind.Value]
        var followed: Followed<Kind.Name, Kind.Value>
        /// Marks that are another source's: what they name belongs to the target now.
        var orphans: Set<Kind.Name> = []
        var sourceID: String
        /// Whether the marks do not say yet that they are this source's.
        var wantsOrigin: Bool
    }

    /// nil when there is nothing to do, and never was.
    private func look() async throws -> Look? {
        let targetID = try await target.describeCluster().clusterID ?? ""
        // Asked before and after: what the link the other way takes away meanwhile may have been read here still.
        let returnedBefore = try await returned(from: targetID)
        guard let wanted = try await kind.atSource() else { return nil }
        var standing = try await marks.read()
        guard !(wanted.isEmpty && standing.marks.isEmpty) else { return nil }
        let sourceID = try await source.describeCluster().clusterID ?? ""
        var orphans: Set<Kind.Name> = []
        if let known = standing.sourceID, known != sourceID {
            orphans = Set(standing.marks.keys)
            standing.marks = [:]
        }
        let returned = returnedBefore.merging(try await returned(from: targetID)) { $0.union($1) }
        let present = try await kind.atTarget()
        let followed = Followed(
            source: wanted, target: present, marked: standing.marks, returned: returned, mark: kind.mark(of:))
        let hasMarks = !(standing.marks.isEmpty && followed.marks.isEmpty && orphans.isEmpty)
        return Look(
            source: wanted, target: present, followed: followed, orphans: orphans, sourceID: sourceID,
            wantsOrigin: hasMarks && standing.sourceID != sourceID)
    }

    /// What the link the other way has brought to the source, as its marks say now.
    private func returned(from targetID: String) async throws -> [Kind.Name: Set<Kind.Name.Mark>] {
        let standing = try await reverseMarks.read()
        guard standing.sourceID == nil || standing.sourceID == targetID else { return [:] }
        let named = standing.marks.compactMap { name, marks in kind.atTarget(name).map { ($0, marks) } }
        return Dictionary(named) { $0.union($1) }
    }

    func follow(
        _ health: LinkHealth, _ logger: Logger, unless isOver: () async throws -> Bool
    ) async throws {
        do {
            try await bring(logger, unless: isOver)
            health.leavesOut([:], of: Kind.words)
        } catch {
            guard let objection = NotFollowed(error) else { throw error }
            health.leavesOut(["bringing \(Kind.words)": objection.description], of: Kind.words)
        }
    }

    private func bring(_ logger: Logger, unless isOver: () async throws -> Bool) async throws {
        // A look waits for a source that is away, and may outlast a failover.
        guard try await !isOver(), let look = try await look(), try await !isOver() else { return }
        let followed = look.followed
        for (name, present) in followed.drift.sorted(by: { $0.key < $1.key }) {
            let found = present.map { kind.text(of: $0) ?? "another" } ?? "gone"
            logger.warning("\(link): \(name) was \(found) at the target")
        }
        if !look.orphans.isEmpty {
            logger.warning(
                "\(link): the source is another cluster now; \(look.orphans.count) \(Kind.words) at the target stay")
            try await marks.write(Dictionary(uniqueKeysWithValues: look.orphans.map { ($0, nil) }))
        }
        if look.wantsOrigin { try await marks.write(sourceID: look.sourceID) }
        try await marks.write(followed.marks.mapValues(Optional.some))
        let changes = followed.sets.mapValues(Optional.some).merging(followed.removals.map { ($0, nil) }) { $1 }
        if !changes.isEmpty { try await kind.change(changes, from: look.target) }
        try await marks.write(Dictionary(uniqueKeysWithValues: followed.givenUp.map { ($0, nil) }))
        for (name, value) in followed.sets.sorted(by: { $0.key < $1.key }) {
            logger.info("\(link): \(name) is \(kind.text(of: value).map { "\($0) " } ?? "")at the target too")
        }
        for name in followed.removals.sorted() { logger.info("\(link): \(name) is removed at the target too") }
    }

    func report() async throws -> FollowReport {
        var report = FollowReport(Kind.words)
        do {
            guard let look = try await look() else { return report }
            report.atSource = look.source.count
            report.atTarget = look.target.count
            report.toSet = look.followed.sets.keys.sorted().map(\.description)
            report.toRemove = look.followed.removals.sorted().map(\.description)
            report.kept = look.followed.kept.sorted().map(\.description)
            report.own =
                look.target.keys.filter { look.source[$0] == nil && !look.followed.removals.contains($0) }.sorted()
                .map(\.description)
            report.different = look.source.filter { look.target[$0.key] != $0.value }.keys.sorted().map(\.description)
        } catch {
            guard let objection = NotFollowed(error) else { throw error }
            report.reason = objection.description
        }
        return report
    }
}

/// What keeps one kind of things in step, whichever kind it is.
protocol LinkFollower: Sendable {
    /// For people, and for what fails: `quotas`.
    var part: String { get }
    var interval: Duration { get }

    /// One look at both clusters, and what it asks for. What cannot be brought until somebody mends it is told to `health`.
    /// - Parameter isOver: whether nothing is to be brought any more; asked before and after the look.
    func follow(_ health: LinkHealth, _ logger: Logger, unless isOver: () async throws -> Bool) async throws

    /// What one look would ask for; changes nothing.
    func report() async throws -> FollowReport
}

/// How one kind of things stands at both ends of a link, for people and programs.
package struct FollowReport: Sendable, Encodable {
    package var kind: String
    package var atSource = 0
    package var atTarget = 0
    /// What the link would set at the target.
    package var toSet: [String] = []
    /// What it has set there and would take back.
    package var toRemove: [String] = []
    /// What the target has otherwise of its own, and keeps.
    package var kept: [String] = []
    /// What the target alone has, and keeps: after a failback also what was taken away at the new home meanwhile.
    package var own: [String] = []
    /// What the source has and the target has not, or otherwise.
    package var different: [String] = []
    /// Why the link does not bring it, and what to mend.
    package var reason: String?

    package init(_ kind: String) { self.kind = kind }
}
