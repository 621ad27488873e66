import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore
import Records

/// Finds out how the topics that came by a link stand; the source may be away.
package struct LinkStatus: Sendable {
    let ends: LinkEnds

    package init(_ ends: LinkEnds) { self.ends = ends }

    /// Of all topics that came by the link, or those selected.
    package func run(_ selection: NameSelection?) async throws -> LinkStatusReport {
        var report = LinkStatusReport(link: ends.settings.name)
        let topics = try await ends.topics(selection)
        let partitions = topics.flatMap { topic in
            (0..<topic.partitions).map { TopicPartition(topic: topic.name, partition: $0) }
        }
        async let asked = SourceStanding.ask(Administrator(ends.source), partitions)
        let mirrors = try await Administrator(ends.target).describeMirrors(partitions)
        let gaps = try await gaps(selection)
        let source = await asked
        report.sourceFault = source.fault
        report.gaps = gaps
        report.topics = topics.map { topic in
            LinkStatusReport.Topic(
                topic: topic.name, state: topic.standing.state.name ?? "ordinary", homeEpoch: topic.standing.homeEpoch,
                partitions: (0..<topic.partitions).map { index in
                    let partition = TopicPartition(topic: topic.name, partition: index)
                    return LinkStatusReport.Partition(partition, mirrors[partition], source)
                })
        }
        return report
    }

    // MARK: The ledger

    /// The entries of the ledger, each gap as it was last written.
    private func gaps(_ selection: NameSelection?) async throws -> [LinkStatusReport.Gap] {
        let name = GapEntry.topic(source: ends.settings.source, target: ends.settings.target)
        guard let ledger = try await Administrator(ends.target).topics([name])[name] else { return [] }
        var entries: [ByteBuffer: GapEntry] = [:]
        for partition in ledger.partitions {
            try await read(TopicPartition(topic: name, partition: partition.index)) { record in
                guard let key = record.key, let value = record.value else { return }
                entries[key] = try GapEntry(key: key, value: value)
            }
        }
        return entries.values.filter { selection?.contains($0.partition.topic) ?? true }
            .sorted { ($0.partition, $0.gap.offsets.lowerBound) < ($1.partition, $1.gap.offsets.lowerBound) }
            .map(LinkStatusReport.Gap.init)
    }

    /// Reads a partition of the target from its beginning to its end.
    private func read(_ partition: TopicPartition, _ take: (Record) throws -> Void) async throws {
        let target = Administrator(ends.target)
        let end = try await target.offsets(.latest, of: [partition])[partition]?.offset ?? 0
        var offset = try await target.offsets(.earliest, of: [partition])[partition]?.offset ?? 0
        while offset < end {
            let records = try await ends.target.retrying { [offset] in
                let connection = try await ends.target.connection(for: .leader(partition))
                guard let answer = try await RawFetch()([(partition, offset)], on: connection).first else {
                    throw ClientFault.refused(.unknownTopicOrPartition, "\(partition)")
                }
                try ClientFault.check(answer.error.rawValue, "\(partition) at \(offset)")
                return answer.records
            }
            let next = try Self.take(records, from: offset, take)
            // What is left was compacted away.
            guard next > offset else { return }
            offset = next
        }
    }

    private static func take(
        _ records: ByteBuffer, from offset: Offset, _ take: (Record) throws -> Void
    ) throws -> Offset {
        var next = offset
        var batches = RecordBatches(records)
        while let batch = try batches.next() {
            next = max(next, batch.header.nextOffset)
            if batch.header.attributes.isControl { continue }
            var iterator = try RecordIterator(batch)
            while let record = try iterator.next() { if record.offset >= offset { try take(record) } }
        }
        return next
    }
}

extension LinkStatusReport.Partition {
    fileprivate init(
        _ partition: TopicPartition, _ mirror: Administrator.DescribedPartition?, _ source: SourceStanding
    ) {
        self.init(partition.partition)
        sourceEnd = source.ends[partition]?.offset
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
    fileprivate init(_ entry: GapEntry) {
        self.init(
            topic: entry.partition.topic, partition: entry.partition.partition, kind: entry.gap.kind.rawValue,
            from: entry.gap.offsets.lowerBound, to: entry.gap.offsets.upperBound,
            foundAtUnixMilliseconds: entry.foundAtUnixMilliseconds, policy: entry.policy.rawValue, cause: entry.cause)
    }
}
