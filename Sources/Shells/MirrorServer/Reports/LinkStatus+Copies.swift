import ClusterModel
import MartletClient
import Mirroring

/// How the copies of compatible links stand: by what their mirrors have written down at the target.
extension LinkStatus {
    /// A topic of the source, and its copy.
    private struct Copied {
        var name: String
        var remote: String
        var count: Int32
        /// The source has no topic of that name any more.
        var isOrphan = false

        var originals: [TopicPartition] { partitions(of: name) }
        var remotes: [TopicPartition] { partitions(of: remote) }

        private func partitions(of topic: String) -> [TopicPartition] {
            (0..<count).map { TopicPartition(topic: topic, partition: $0) }
        }
    }

    /// Where logs end, and how late the latest records are where that is told; both are empty where nobody answers.
    fileprivate struct Ends {
        var offsets: [TopicPartition: Offset] = [:]
        var times: [TopicPartition: Int64] = [:]

        static func ask(
            _ cluster: Administrator, _ partitions: [TopicPartition], readsCommitted: Bool
        ) async throws -> Ends {
            var ends = Ends()
            ends.offsets = try await cluster.offsets(.latest, of: partitions, readsCommitted: readsCommitted)
                .mapValues(\.offset)
            do {
                ends.times = try await cluster.offsets(.maximumTimestamp, of: partitions).mapValues(\.timestamp)
            } catch let fault as ClientFault where fault.kind == .unsupported {
                // Brokers before Apache Kafka 3.0 do not tell.
                ends.times = [:]
            }
            return ends
        }
    }

    /// Adds to a report all that is known of a compatible link. The source may be away.
    func tellCopies(_ report: inout LinkStatusReport, _ selection: NameSelection?) async throws {
        let target = Administrator(ends.target)
        let written = try await target.writtenPositions(of: WrittenPosition.group(source: ends.settings.source))
        report.gaps = try await gaps(selection)
        report.members = try await LinkMembers.all(of: ends.settings.name, at: ends.target)
        var copies: [Copied]
        var atSource = Ends()
        do {
            let planned = try await planned(&report, selection)
            copies = planned + (try await tellOrphans(written, &report, selection))
            atSource = try await Ends.ask(
                Administrator(ends.source), planned.flatMap(\.originals), readsCommitted: true)
        } catch {
            report.sourceFault = "\(error)"
            copies = Self.known(written, selection)
        }
        let remotes = copies.flatMap(\.remotes)
        let starts = try await target.offsets(.earliest, of: remotes)
        let there = try await Ends.ask(target, remotes, readsCommitted: false)
        report.topics = copies.map { copy in
            let parts = zip(copy.originals, copy.remotes).map { original, remote in
                var part = LinkStatusReport.Partition(remote.partition)
                part.logStart = starts[remote]?.offset ?? -1
                part.tell(original, atSource, remote, there, written[remote])
                return part
            }
            return LinkStatusReport.Topic(
                topic: copy.name, remote: copy.remote == copy.name ? nil : copy.remote,
                state: copy.isOrphan ? "kept" : parts.contains { $0.state == "copied" } ? "copied" : "waiting",
                homeEpoch: 0, partitions: parts)
        }
    }

    /// What the plan has, and is at the target.
    private func planned(
        _ report: inout LinkStatusReport, _ selection: NameSelection?
    ) async throws -> [Copied] {
        let topics = try await tellPlan(&report, selection).topics
            .filter { $0.action != .blocked && selection?.contains($0.topic) ?? true }
        let present = try await Administrator(ends.target).topics(topics.map(\.remote))
        return topics.compactMap { topic in
            present[topic.remote].map { there in
                let count = min(topic.partitions, Int32(there.partitions.count))
                return Copied(name: topic.topic, remote: topic.remote, count: count)
            }
        }
    }

    /// Copies of topics that the source has deleted, about which people may have to decide.
    private func tellOrphans(
        _ written: [TopicPartition: WrittenPosition], _ report: inout LinkStatusReport, _ selection: NameSelection?
    ) async throws -> [Copied] {
        let orphans = try await orphans(written).filter { selection?.contains($0.name) ?? true }
        if ends.settings.deletionPolicy == .ask {
            report.blocked += orphans.map { orphan in
                LinkStatusReport.Objection(
                    topic: orphan.name,
                    cause: DeletionPolicy.question(ofCopy: orphan.remote, of: ends.settings.source))
            }
        }
        return orphans
    }

    /// Copies of topics that the source has deleted.
    private func orphans(_ written: [TopicPartition: WrittenPosition]) async throws -> [Copied] {
        let present = try await Administrator(ends.target).topics()
        let found = ends.settings.plan.orphans(
            among: Set(written.keys.map(\.topic)), sources: Set(try await Administrator(ends.source).topics().keys),
            targets: Set(present.keys))
        let absent = found.isEmpty ? [] : try await Administrator(ends.source).absent(found.keys.sorted())
        return found.filter { absent.contains($0.key) }.sorted { $0.key < $1.key }.map { name, remote in
            Copied(name: name, remote: remote, count: Int32(present[remote]?.partitions.count ?? 0), isOrphan: true)
        }
    }

    /// Copies by what is written down of them alone, under their names at the target.
    private static func known(
        _ written: [TopicPartition: WrittenPosition], _ selection: NameSelection?
    ) -> [Copied] {
        Dictionary(grouping: written.keys, by: \.topic).sorted { $0.key < $1.key }
            .filter { selection?.contains($0.key) ?? true }
            .map { remote, partitions in
                Copied(name: remote, remote: remote, count: (partitions.map(\.partition).max() ?? -1) + 1)
            }
    }
}

extension LinkStatusReport.Partition {
    /// How a copy stands, by where both ends are and what is written down of it.
    fileprivate mutating func tell(
        _ original: TopicPartition, _ source: LinkStatus.Ends, _ remote: TopicPartition, _ target: LinkStatus.Ends,
        _ written: WrittenPosition?
    ) {
        logEnd = target.offsets[remote] ?? -1
        highWatermark = logEnd
        sourceEnd = source.offsets[original]
        state = written == nil ? "waiting" : "copied"
        guard let position = written?.position, let sourceEnd else { return }
        let lag = max(0, sourceEnd - position.source)
        lagInRecords = lag
        if lag == 0 {
            lagInMilliseconds = 0
        } else if let latest = source.times[original], let last = target.times[remote] {
            lagInMilliseconds = max(0, latest - last)
        }
    }
}
