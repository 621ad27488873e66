import ClusterModel
import Controller
import MartletClient
import Mirroring
import Records

/// What else has to be so, besides equal bytes, that a failover is what one expects of it.
extension LinkProof {
    /// What the source does with a topic's old records.
    struct SourceRules: Sendable {
        var isCompacted: Bool
        var race: RetentionRace

        /// - Parameter settings: all that hold, also those that nobody has set.
        init(_ settings: [String: String]) {
            isCompacted = settings["cleanup.policy"]?.contains("compact") ?? false
            race = RetentionRace(settings: settings)
        }
    }

    /// Topics that the source does not have any more are absent.
    func sourceRules(of topics: [String]) async throws -> [String: SourceRules] {
        let source = Administrator(ends.source)
        let present = try await source.topics(topics).keys.sorted()
        let rules = try await present.mapConcurrently { topic in
            var settings: [String: String] = [:]
            for entry in try await source.configuration(of: .topic(topic)) { settings[entry.name] = entry.value }
            return (topic, SourceRules(settings))
        }
        return Dictionary(uniqueKeysWithValues: rules)
    }

    /// Tells how far the mirror is ahead of what the source deletes.
    /// - Parameters:
    ///   - start: where the source's log begins.
    ///   - missing: what the source has committed and the target has not.
    func race(
        _ partition: TopicPartition, _ start: Offset, _ missing: Range<Offset>, _ rules: SourceRules,
        _ told: inout ProofReport.Partition
    ) async throws {
        told.lagInBytes = 0
        var next: Int64?
        if !missing.isEmpty {
            let from = max(start, missing.lowerBound)
            told.lagInBytes = try await DigestReader(cluster: ends.source)
                .digest(of: partition, from..<max(from, missing.upperBound)).bytes
            // What has gone already is as old as can be.
            next = start > missing.lowerBound ? 0 : try await timestamp(of: partition, at: missing.lowerBound)
        }
        told.retentionMarginInMilliseconds = rules.race.marginInMilliseconds(
            next: next, now: WallClock.unixMilliseconds())
        told.retentionMarginInBytes = rules.race.marginInBytes(lagInBytes: told.lagInBytes)
    }

    /// The largest of the source's first batch there; nil when there is none.
    private func timestamp(of partition: TopicPartition, at offset: Offset) async throws -> Int64? {
        try await ends.source.retrying {
            var fetch = RawFetch()
            // A broker gives a whole batch all the same.
            fetch.maximumBytesPerPartition = 1
            let connection = try await ends.source.connection(for: .leader(partition))
            guard let answer = try await fetch([(partition, offset)], on: connection).first else { return nil }
            try ClientFault.check(answer.error.rawValue, "\(partition) at \(offset)")
            var batches = RecordBatches(answer.records)
            return try batches.next()?.header.maxTimestamp
        }
    }

    // MARK: Topics, settings, certificates

    func tellReadiness(_ selection: NameSelection?, _ report: inout ProofReport) async throws {
        if ends.settings.mode != .compatible { try await compareTopics(selection, &report) }
        if ends.settings.mode != .compatible, ends.settings.quotasInterval != nil { try await compareQuotas(&report) }
        for (alias, client) in [(ends.settings.source, ends.source), (ends.settings.target, ends.target)] {
            do {
                report.certificates += try client.certificates().map {
                    ProofReport.Certificate(
                        cluster: alias, place: $0.place, subject: $0.subject, endsAtUnixSeconds: $0.endsAtUnixSeconds)
                }
            } catch {
                report.certificateFaults[alias] = "\(error)"
            }
        }
        report.obstacles = report.allObstacles
    }

    private func compareTopics(_ selection: NameSelection?, _ report: inout ProofReport) async throws {
        let plan = try await LinkPlan(ends).run()
        report.following = plan.following
        report.refusal = plan.refusal
        if selection == nil { report.unmatchedPatterns = plan.unmatchedPatterns }
        for topic in plan.topics where selection?.contains(topic.topic) ?? true {
            switch topic.action {
            case .create: report.topicsNotMirrored[topic.remote] = "it is not at the target yet"
            case .blocked: report.topicsNotMirrored[topic.remote] = topic.reason ?? ""
            default: break
            }
        }
        let rules = ExactTopics(ends.settings.plan)
        let names = Set(report.partitions.map(\.topic)).sorted()
        let sources = try await standing(names, at: ends.source)
        let targets = try await standing(names, at: ends.target)
        if ends.settings.homeLease != nil {
            report.topicsWithoutLease = names.filter { name in
                sources[name].map {
                    $0.standing.state == .ordinary && $0.settings[HomeLease.linkKey] != ends.settings.name
                } ?? false
            }
        }
        for name in names {
            guard let source = sources[name], let target = targets[name] else { continue }
            if let reason = Self.whyNotWhole(target, of: source), report.topicsNotMirrored[name] == nil {
                report.topicsNotMirrored[name] = reason
            }
            for key in rules.differences(source: source.settings, target: target.settings).keys.sorted() {
                report.settingsThatDiffer.append(
                    ProofReport.Setting(
                        topic: name, name: key, source: source.settings[key], target: target.settings[key]))
            }
        }
    }

    private func standing(_ names: [String], at cluster: KafkaClient) async throws -> [String: StandingTopic] {
        let administrator = Administrator(cluster)
        return try await administrator.standing(try await administrator.topics(names))
    }

    /// Why a topic is not, or not all of it, what the source has; nil when nothing is known to be missing.
    private static func whyNotWhole(_ target: StandingTopic, of source: StandingTopic) -> String? {
        guard target.standing.state == .mirroring else { return nil }
        if target.id != source.id { return target.isOther(than: source) }
        let missing = source.partitionCount - target.partitionCount
        return missing > 0 ? "\(missing) of its \(source.partitionCount) partitions are not at the target yet" : nil
    }
}

extension LinkProof {
    private func compareQuotas(_ report: inout ProofReport) async throws {
        let source = try await Administrator(ends.source).namedQuotas()
        let target = source.isEmpty ? [:] : try await Administrator(ends.target).namedQuotas()
        for (name, limit) in source.sorted(by: { $0.key < $1.key }) where target[name] != limit {
            report.quotasThatDiffer.append(ProofReport.Quota(quota: "\(name)", source: limit, target: target[name]))
        }
    }
}

extension ProofReport {
    /// A certificate that ends sooner stands in the way.
    private static let shortestValidityInSeconds: Int64 = 7 * 24 * 3600

    /// Why the target is not ready, from what the report says.
    var allObstacles: [String] {
        var found: [String] = []
        func tell(_ count: Int, _ words: String) { if count > 0 { found.append("\(count) \(words)") } }
        if let refusal { found.append("the link brings nothing: \(refusal)") }
        found += unmatchedPatterns.map { "no topic of the source matches \($0)" }
        tell(
            partitions.count { !$0.verdict.isSound },
            "partitions differ, or could not be compared")
        tell(
            partitions.count { $0.retentionMarginInMilliseconds == 0 || $0.retentionMarginInBytes == 0 },
            "partitions may lose records at the source before they are mirrored")
        tell(groupsOutOfStep.count, "positions of groups are not in step")
        tell(settingsThatDiffer.count, "settings of topics differ")
        tell(quotasThatDiffer.count, "quotas of clients differ")
        for one in following {
            if one.kind != FollowedQuotas.words { tell(one.different.count, "\(one.kind) differ") }
            if let reason = one.reason { found.append("\(one.kind) do not follow: \(reason)") }
        }
        tell(topicsNotMirrored.count, "topics are not mirrored")
        tell(topicsWithoutLease.count, "topics can be written at the source without the link's lease")
        let limit = beganAt / 1_000 + Self.shortestValidityInSeconds
        tell(certificates.count { $0.endsAtUnixSeconds < limit }, "certificates end within a week, or have ended")
        tell(certificateFaults.count, "clusters' certificates cannot be read")
        return found
    }

    /// Whether the target is ready for a failover.
    package var isReady: Bool { obstacles.isEmpty }
}
