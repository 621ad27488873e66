import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore
import Records

/// A partition has a leader of a later epoch than the one whose log was to be read.
struct LaterLeader: Error, CustomStringConvertible {
    var partition: TopicPartition

    var description: String { "\(partition) has a new leader" }
}

extension KafkaClient {
    /// Reads the records of a partition that are in `range`, in order, as one fetch after another brings them: also those
    /// of transactions that were aborted, and no markers.
    /// - Parameter leaderEpoch: refuses what leaders of a later epoch have, by ``LaterLeader``; nil takes it from any.
    func readRecords(
        of partition: TopicPartition, in range: Range<Offset>, leaderEpoch: LeaderEpoch? = nil,
        _ take: ([Record]) async throws -> Void
    ) async throws {
        var fetch = RawFetch()
        fetch.leaderEpochs[partition] = leaderEpoch
        try await fetchAll(of: partition, in: range, by: fetch) { answer, offset in
            let (records, next) = try Self.records(in: answer.records, from: offset, before: range.upperBound)
            if !records.isEmpty { try await take(records) }
            return next
        }
    }

    /// Shows the batches of a partition that have records in `range`, in order, with those records, as readers of committed
    /// transactions see them, until `take` wants no more.
    func readCommitted(
        of partition: TopicPartition, in range: Range<Offset>, _ take: (RecordBatchHeader, [Record]) -> Bool
    ) async throws {
        var fetch = RawFetch()
        fetch.readsCommitted = true
        fetch.maximumWait = .zero
        try await fetchAll(of: partition, in: range, by: fetch) { answer, offset in
            var next = offset
            var aborted = AbortedTransactions(answer.aborted)
            var batches = RecordBatches(answer.records)
            while let batch = try batches.next() {
                next = max(next, batch.header.nextOffset)
                if aborted.hide(batch.header) || batch.header.attributes.isControl { continue }
                let records = try batch.records().filter { range.contains($0.offset) && $0.offset >= offset }
                guard records.isEmpty || take(batch.header, records) else { return offset }
            }
            return next
        }
    }

    /// One fetch after another, each where the last one has ended, through `range`.
    /// - Parameter take: is shown what a fetch has brought and where it began, and tells where the next one does; the last is
    ///   that from which none goes on.
    private func fetchAll(
        of partition: TopicPartition, in range: Range<Offset>, by fetch: RawFetch,
        _ take: (RawFetch.Partition, Offset) async throws -> Offset
    ) async throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let answer = try await retrying { [offset] in
                let connection = try await connection(for: .leader(partition))
                guard let answer = try await fetch([(partition, offset)], on: connection).first else {
                    throw ClientFault.refused(.unknownTopicOrPartition, "\(partition)")
                }
                if answer.error == .fencedLeaderEpoch, fetch.leaderEpochs[partition] != nil {
                    throw LaterLeader(partition: partition)
                }
                try ClientFault.check(answer.error.rawValue, "\(partition) at \(offset)")
                return answer
            }
            let next = try await take(answer, offset)
            // What is left was compacted away, or is not committed, or is not wanted.
            guard next > offset else { return }
            offset = next
        }
    }

    /// Reads the records that stand in a topic of the mirror's own now, one partition after the other; none where there is
    /// no such topic.
    func readRecords(ofAll topic: String, _ take: ([Record]) async throws -> Void) async throws {
        let administrator = Administrator(self)
        guard let found = try await administrator.topics([topic])[topic] else { return }
        let partitions = found.partitions.map { TopicPartition(topic: topic, partition: $0.index) }.sorted()
        let starts = try await administrator.offsets(.earliest, of: partitions)
        let ends = try await administrator.offsets(.latest, of: partitions)
        for partition in partitions {
            guard let start = starts[partition]?.offset, let end = ends[partition]?.offset, start < end else {
                continue
            }
            try await readRecords(of: partition, in: start..<end, take)
        }
    }

    /// The records of what a fetch gave that are in the range, without markers; and the offset behind all it gave.
    static func records(
        in bytes: ByteBuffer, from offset: Offset, before end: Offset
    ) throws(InvalidRecords) -> (records: [Record], next: Offset) {
        var records: [Record] = []
        var next = offset
        var batches = RecordBatches(bytes)
        while let batch = try batches.next() {
            next = max(next, batch.header.nextOffset)
            if batch.header.attributes.isControl { continue }
            var iterator = try RecordIterator(batch)
            while let record = try iterator.next() {
                if record.offset >= offset, record.offset < end { records.append(record) }
            }
        }
        return (records, next)
    }
}
