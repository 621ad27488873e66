import ClusterModel
import Controller
import MartletClient
import Mirroring
import Seams

/// Finds out what a link would do now: what its patterns match, and what it would change at both ends. Changes nothing.
package struct LinkPlan: Sendable {
    let ends: LinkEnds

    package init(_ ends: LinkEnds) { self.ends = ends }

    private var settings: LinkSettings { ends.settings }
    private var source: Administrator { Administrator(ends.source) }
    private var target: Administrator { Administrator(ends.target) }

    /// One look at both clusters.
    package func run() async throws -> PlanReport {
        var report = PlanReport(settings)
        report.sourceClusterID = try await source.describeCluster().clusterID ?? ""
        report.targetClusterID = try await target.describeCluster().clusterID ?? ""
        if report.sourceClusterID == report.targetClusterID {
            report.refusal = UnfitClusters.same(report.sourceClusterID).description
            return report
        }
        let topics = try await source.topics()
        switch settings.mode {
        case .exact: report.topics = try await exact(topics, (report.sourceClusterID, report.targetClusterID))
        case .compatible: report.topics = try await compatible(topics)
        }
        let groups = try await source.groups().map(\.name).filter(settings.groups.contains).sorted()
        report.groups = groups.map { PlanReport.Group(group: $0, patterns: settings.groups.patterns(matching: $0)) }
        report.following = try await LinkFollowing(settings, source: ends.source, target: ends.target).report()
        report.unmatchedPatterns = unmatched(settings.plan.topics, report.topics.map(\.patterns))
        report.unmatchedGroupPatterns = unmatched(settings.groups, report.groups.map(\.patterns))
        return report
    }

    private func unmatched(_ selection: NameSelection, _ matched: [[String]]) -> [String] {
        let known = Set(matched.joined())
        return selection.patterns.filter { !known.contains($0) }
    }

    // MARK: Exact links

    private func exact(
        _ present: [String: ClusterMetadata.Topic], _ clusters: (sourceID: String, targetID: String)
    ) async throws -> [PlanReport.Topic] {
        let rules = ExactTopics(settings.plan)
        let names = settings.names
        let sources = try await source.standing(
            present.filter { settings.plan.topics.contains(names.atSource($0.key)) })
        let there = try await target.topics()
        let targets = try await target.standing(there.filter { sources[$0.key] != nil })
        let others = try await target.standing(underOtherNames: sources, there)
        return sources.sorted { $0.key < $1.key }.map { name, topic in
            let verdict = rules.verdict(
                on: names.atSource(name), source: topic, target: targets[name], other: others[name],
                link: settings.name,
                sourceID: clusters.sourceID, targetID: clusters.targetID,
                comparesSettings: settings.plan.synchronizesSettings)
            var line = line(name, topic, verdict)
            if let mirror = targets[name], mirror.standing.isMirror(of: settings.name), mirror.id != topic.id {
                tellOther(topic, mirror, &line)
            }
            planLease(of: topic, targets[name], &line)
            return line
        }
    }

    private func line(_ name: String, _ topic: StandingTopic, _ verdict: TopicVerdict) -> PlanReport.Topic {
        let original = settings.names.atSource(name)
        var line = PlanReport.Topic(
            original, remote: LinkNames.isMarked(name) ? original : name,
            patterns: settings.plan.topics.patterns(matching: original), .follow, partitions: topic.partitionCount)
        switch verdict {
        case .mirror(let change?):
            line.action = change.isNew ? .create : .change
            line.settings = change.settings
        case .mirror(nil): break
        case .fence, .fenceTarget: line.action = .fence
        case .leave(let objection):
            line.action = .leave
            line.reason = objection.description
        case .blocked(let reason):
            line.action = .blocked
            line.reason = reason
        }
        return line
    }

    /// The source has made its topic anew, so its mirror topic is another one's.
    private func tellOther(_ topic: StandingTopic, _ mirror: StandingTopic, _ line: inout PlanReport.Topic) {
        guard line.action == .follow || line.action == .change else { return }
        let other = mirror.isOther(than: topic)
        if settings.mode == .exact(.rewind) {
            line.action = .change
            line.reason = "\(other): it is deleted at the target and mirrored anew"
        } else {
            line.action = .blocked
            line.reason =
                "\(other): martlet mirror set mirror.gap.policy=rewind, or delete it at the target, to mirror the new one; "
                + "fail over to keep the old one"
        }
    }

    /// What begins or ends the lease of a topic's home, as ``HomeLeasing`` does it.
    private func planLease(of topic: StandingTopic, _ mirror: StandingTopic?, _ line: inout PlanReport.Topic) {
        let isLeased = topic.settings[HomeLease.linkKey] == settings.name
        let isMirrored = [.create, .change, .follow].contains(line.action) && topic.standing.state == .ordinary
        let lease = isMirrored ? settings.homeLease : nil
        if let lease, HomeLease.limit(mirror?.settings ?? [:]).map({ $0 < lease }) ?? true {
            line.settings[HomeLease.limitKey] = "\(lease.milliseconds)"
        }
        if isLeased != (lease != nil) { line.settingsAtSource = [HomeLease.linkKey: isLeased ? nil : settings.name] }
        if line.action == .follow, !line.settings.isEmpty || !line.settingsAtSource.isEmpty { line.action = .change }
    }

    // MARK: Compatible links

    /// Which topics came from the target under unchanged names only the mirror knows that has brought them.
    private func compatible(_ present: [String: ClusterMetadata.Topic]) async throws -> [PlanReport.Topic] {
        let plan = settings.plan
        let sources = try await source.standing(present.filter { plan.copies($0.key) })
            .filter { !$0.value.standing.isFork }
        let remotes = sources.keys.map { plan.policy.remoteTopic($0, of: plan.source) }.sorted()
        let targets = try await target.standing(try await target.topics(remotes))
        let changes = plan.changes(
            sources: sources.mapValues(TopicShape.init), targets: targets.mapValues(TopicShape.init))
        let found = try await CopyObstacles(settings, source: ends.source, target: ends.target)
            .find(sources.mapValues(\.partitionCount), present: targets.mapValues(\.partitionCount))
        var lines: [String: PlanReport.Topic] = [:]
        for (name, topic) in sources {
            let remote = plan.policy.remoteTopic(name, of: plan.source)
            lines[remote] = PlanReport.Topic(
                name, remote: remote, patterns: plan.topics.patterns(matching: name),
                found.obstacles[name] == nil ? .follow : .blocked, partitions: topic.partitionCount)
            lines[remote]?.reason = found.obstacles[name]
            if let positions = found.adopted[name] {
                lines[remote]?.action = .adopt
                lines[remote]?.reason = WrittenPosition.adoption(positions)
            }
        }
        for change in changes where lines[change.topic]?.action != .blocked {
            switch change {
            case .create(let remote, let shape):
                lines[remote]?.action = .create
                lines[remote]?.settings = shape.configuration
            case .grow(let remote, _): lines[remote]?.action.becomesChange()
            case .configure(let remote, let settings):
                lines[remote]?.action.becomesChange()
                lines[remote]?.settings = settings
            }
        }
        return lines.values.sorted { $0.topic < $1.topic }
    }
}

extension StandingTopic {
    /// What is said of a mirror topic whose source topic was made anew.
    func isOther(than source: StandingTopic) -> String {
        "the source has deleted it, and has another topic of that name (id \(source.id), here \(id))"
    }
}

extension PlanReport.Action {
    /// What is taken over is changed besides.
    fileprivate mutating func becomesChange() { if self != .adopt { self = .change } }
}

extension TopicChange {
    fileprivate var topic: String {
        switch self {
        case .create(let topic, _), .grow(let topic, _), .configure(let topic, _): topic
        }
    }
}

extension TopicShape {
    fileprivate init(_ topic: StandingTopic) {
        self.init(partitionCount: topic.partitionCount, configuration: topic.settings)
    }
}

extension Administrator {
    /// The topics of this cluster, a link's target, that have the ids of topics of its source under other names, by those that
    /// these have, or would have, here.
    /// - Parameters:
    ///   - sources: by their names here.
    ///   - there: all topics of this cluster.
    func standing(
        underOtherNames sources: [String: StandingTopic], _ there: [String: ClusterMetadata.Topic]
    ) async throws -> [String: (name: String, topic: StandingTopic)] {
        let missing = sources.filter { there[$0.key] == nil && $0.value.id != .zero }
        let wanted = Set(missing.values.map(\.id))
        let found = try await standing(there.filter { wanted.contains($0.value.id) })
        let byID = Dictionary(found.map { ($0.value.id, (name: $0.key, topic: $0.value)) }) { first, _ in first }
        return missing.compactMapValues { byID[$0.id] }
    }

    /// Topics with what was set for them. Those that were deleted meanwhile are absent.
    func standing(_ shapes: [String: ClusterMetadata.Topic]) async throws -> [String: StandingTopic] {
        let settings = try await topicSettings(shapes.keys.sorted())
        var topics: [String: StandingTopic] = [:]
        for (name, shape) in shapes {
            guard let settings = settings[name] else { continue }
            topics[name] = StandingTopic(
                id: shape.id, partitionCount: Int32(shape.partitions.count), settings: settings)
        }
        return topics
    }
}
