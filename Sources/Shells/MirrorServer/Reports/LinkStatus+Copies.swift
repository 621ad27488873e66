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
    }

    /// Where logs end, and how late the latest records are where that is told; both are empty where nobody answers.
    private struct Ends {
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
            let plan = try await tellPlan(&report, selection)
            let topics = plan.topics.filter { $0.action != .blocked && selection?.contains($0.topic) ?? true }
            let present = try await target.topics(topics.map(\.remote))
            copies = topics.compactMap { topic in
                present[topic.remote].map { there in
                    let count = min(topic.partitions, Int32(there.partitions.count))
                    return Copied(name: topic.topic, remote: topic.remote, count: count)
                }
            }
            let orphans = try await orphans(written).filter { selection?.contains($0.name) ?? true }
            if ends.settings.deletionPolicy == .ask {
                report.blocked += orphans.map { orphan in
                    LinkStatusReport.Objection(
                        topic: orphan.name,
                        cause: DeletionPolicy.question(ofCopy: orphan.remote, of: ends.settings.source))
                }
            }
            let originals = copies.flatMap { copy in
                (0..<copy.count).map { TopicPartition(topic: copy.name, partition: $0) }
            }
            atSource = try await Ends.ask(Administrator(ends.source), originals, readsCommitted: true)
            copies += orphans
        } catch {
            report.sourceFault = "\(error)"
            copies = Self.known(written, selection)
        }
        let partitions = copies.flatMap { copy in
            (0..<copy.count).map { TopicPartition(topic: copy.remote, partition: $0) }
        }
        let starts = try await target.offsets(.earliest, of: partitions)
        let there = try await Ends.ask(target, partitions, readsCommitted: false)
        report.topics = copies.map { copy in
            let parts = (0..<copy.count).map { index in
                let (original, remote) = (
                    TopicPartition(topic: copy.name, partition: index),
                    TopicPartition(topic: copy.remote, partition: index)
                )
                var part = LinkStatusReport.Partition(index)
                part.logStart = starts[remote]?.offset ?? -1
                part.logEnd = there.offsets[remote] ?? -1
                part.highWatermark = part.logEnd
                part.sourceEnd = atSource.offsets[original]
                part.state = written[remote] == nil ? "waiting" : "copied"
                guard let position = written[remote]?.position, let end = part.sourceEnd else { return part }
                let lag = max(0, end - position.source)
                part.lagInRecords = lag
                if lag == 0 {
                    part.lagInMilliseconds = 0
                } else if let latest = atSource.times[original], let last = there.times[remote] {
                    part.lagInMilliseconds = max(0, latest - last)
                }
                return part
            }
            return LinkStatusReport.Topic(
                topic: copy.name, remote: copy.remote == copy.name ? nil : copy.remote,
                state: copy.isOrphan ? "kept" : parts.contains { $0.state == "copied" } ? "copied" : "waiting",
                homeEpoch: 0, partitions: parts)
        }
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
