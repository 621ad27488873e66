import Controller
import Logging
import MartletClient
import Mirroring
import Seams

/// Begins and ends leases of the homes of a link's topics, as the link's settings have it.
///
/// A lease is written down at the target before the source needs it, so that a failover always knows how long to wait.
struct HomeLeasing: Sendable {
    let settings: LinkSettings
    let source: Administrator
    let target: Administrator
    let logger: Logger

    /// What came of a look at leases.
    struct Outcome: Sendable {
        /// Topics that the source writes only with this link's word.
        var leased: Set<String>
        /// Why leases are not as they should be.
        var faults: [String: String]
    }

    /// - Parameters:
    ///   - mirrored: the names of topics that are mirrored.
    ///   - sources: all that may have a lease of this link.
    ///   - changesTopics: whether what is found is also done; otherwise another process does it.
    func follow(
        _ mirrored: Set<String>, sources: [String: StandingTopic], targets: [String: StandingTopic],
        changesTopics: Bool
    ) async throws -> Outcome {
        var outcome = Outcome(leased: Set(sources.filter { isOurs($0.value) }.keys), faults: [:])
        guard changesTopics else { return outcome }
        let wanted: Set<String> =
            settings.homeLease == nil ? [] : mirrored.filter { sources[$0]?.standing.state == .ordinary }
        for topic in try await releasable(outcome.leased.subtracting(wanted), sources) {
            try await source.alterConfiguration(of: .topic(topic), [HomeLease.linkKey: nil])
            outcome.leased.remove(topic)
            logger.info("\(settings.name): \(topic) needs no lease any more")
        }
        let ready = try await writeDown(wanted, targets, &outcome)
        for topic in ready.subtracting(outcome.leased).sorted() {
            if let other = sources[topic]?.settings[HomeLease.linkKey] {
                outcome.faults["lease of topic \(topic)"] = "link \(other) keeps one: only one link can"
                continue
            }
            do {
                try await source.alterConfiguration(of: .topic(topic), [HomeLease.linkKey: settings.name])
                outcome.leased.insert(topic)
                logger.info("\(settings.name): \(topic) is written with a lease")
            } catch let fault as ClientFault where !fault.isRetriable {
                outcome.faults["lease of topic \(topic)"] = "\(settings.source) keeps none: \(fault)"
            }
        }
        return outcome
    }

    /// Those of topics whose homes may do without a lease from now on. While the target makes a topic its own, or has, a
    /// failover may wait for the lease of an old home that it does not reach.
    private func releasable(_ topics: Set<String>, _ sources: [String: StandingTopic]) async throws -> [String] {
        guard !topics.isEmpty else { return [] }
        let mirrors = try await target.standing(try await target.topics(topics.sorted()))
        return topics.sorted().filter { topic in
            sources[topic]?.standing.state == .ordinary
                && mirrors[topic]?.standing.isMirror(of: settings.name) ?? true
        }
    }

    private func isOurs(_ topic: StandingTopic) -> Bool { topic.settings[HomeLease.linkKey] == settings.name }

    /// Sees that the target knows how long leases last.
    /// - Returns: topics of which it does.
    private func writeDown(
        _ topics: Set<String>, _ targets: [String: StandingTopic], _ outcome: inout Outcome
    ) async throws -> Set<String> {
        guard let lease = settings.homeLease else { return [] }
        // What is not there yet was made in this look, and has its turn in the next one.
        let standing = topics.filter { targets[$0]?.standing.isMirror(of: settings.name) ?? false }
        var ready = standing.filter { HomeLease.limit(targets[$0]?.settings ?? [:]).map { $0 >= lease } ?? false }
        for topic in standing.subtracting(ready).sorted() {
            do {
                let limit = [HomeLease.limitKey: Optional("\(lease.milliseconds)")]
                try await target.alterConfiguration(of: .topic(topic), limit)
                ready.insert(topic)
            } catch let fault as ClientFault where !fault.isRetriable {
                outcome.faults["lease of topic \(topic)"] = "\(settings.target) does not write it down: \(fault)"
            }
        }
        return ready
    }
}
