import ClusterModel
import Records

/// Who appends with offsets of the log's choice.
package enum AppendOrigin: Sendable, Equatable {
    /// A producer: nothing of what it says is taken for granted.
    case client
    /// The broker itself, for a group's or a transaction's coordinator: markers are allowed, sequences not looked at.
    case broker
}

/// What became of an append.
package enum AppendOutcome: Sendable, Equatable {
    case appended(AppendedRange)
    /// An idempotent producer sent a batch again that stands here; nothing was written.
    case duplicate(AppendedRange)
    /// Nothing was written, the log is as it was.
    case refused(AppendRefusal)
}

/// Where the records of one append stand.
package struct AppendedRange: Sendable, Equatable {
    package var firstOffset: Offset
    package var lastOffset: Offset
    /// The time the log stamped the records with, in milliseconds since 1970; -1 when they keep their own.
    package var logAppendTime: Int64
    /// Where the log begins now.
    package var logStartOffset: Offset
    /// The largest timestamp of a record, in milliseconds since 1970; -1 for none.
    package var maxTimestamp: Int64

    package init(
        firstOffset: Offset, lastOffset: Offset, logAppendTime: Int64, logStartOffset: Offset, maxTimestamp: Int64
    ) {
        self.firstOffset = firstOffset
        self.lastOffset = lastOffset
        self.logAppendTime = logAppendTime
        self.logStartOffset = logStartOffset
        self.maxTimestamp = maxTimestamp
    }
}

/// Why a log does not take batches.
package enum AppendRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// The bytes are not the batches they claim to be.
    case invalid(InvalidRecords)
    case empty
    /// A format before magic 2.
    case oldFormat(magic: Int8)
    case batchTooLarge(sizeInBytes: Int, limit: Int)
    /// All batches together exceed a segment.
    case tooLargeForSegment(sizeInBytes: Int, limit: Int)
    /// A producer's batch begins at offset 0, whatever offsets it gets.
    case baseOffsetOfProducer(Offset)
    /// Records whose timestamps are too far from the broker's clock; all in milliseconds since 1970.
    case timestampsOutOfRange([RecordFindings.Timestamp], earliest: Int64, latest: Int64)
    /// Only brokers stamp records with the time of append.
    case timestampTypeOfBrokers
    /// Only brokers write control batches.
    case controlBatchFromClient
    /// Records without a key for a compacted topic, by their places in the batch.
    case keysMissing(recordIndexes: [Int])
    /// Producer id, epoch and sequence contradict each other.
    case inconsistentProducer(producerID: ProducerID, epoch: Int16, sequence: Int32)
    /// Sequences go on at `expected`.
    case outOfOrderSequence(producerID: ProducerID, expected: Int32, found: Int32)
    /// Another producer with this id and a later epoch has taken over (KIP-98).
    case fencedProducer(producerID: ProducerID, current: Int16, found: Int16)
    /// A plain batch of a producer whose transaction is open.
    case transactionOpen(producerID: ProducerID)
    /// A marker of a transaction coordinator that was replaced.
    case fencedCoordinator(current: Int32, found: Int32)
    /// Batches that keep their offsets must go on where the log ends.
    case offsetsOutOfOrder(expected: Offset, found: Offset)
    /// Batches of a later epoch than that of the leader that sent them.
    case leaderEpochAhead(newest: LeaderEpoch, found: LeaderEpoch)
    /// Batches that keep their offsets and leave out more of them than a segment can name.
    case offsetsTooFarApart(first: Offset, last: Offset)

    /// Apache Kafka's code for a produce response's partition.
    package var errorCode: Int16 {
        switch self {
        case .invalid(.unknownCodec): 76
        case .invalid(.tooLarge): 10
        // The checksum holds: these are the bytes that the producer sent, and sending them again would mend nothing.
        case .invalid(.wrongRecordCount), .invalid(.malformedRecord), .invalid(.malformedControlRecord),
            .invalid(.corruptCompression):
            87
        case .invalid: 2
        case .empty, .baseOffsetOfProducer, .controlBatchFromClient, .keysMissing, .inconsistentProducer: 87
        case .oldFormat: 43
        case .batchTooLarge: 10
        case .tooLargeForSegment: 18
        case .timestampsOutOfRange, .timestampTypeOfBrokers: 32
        case .outOfOrderSequence: 45
        case .fencedProducer: 47
        case .transactionOpen: 48
        case .fencedCoordinator: 52
        case .offsetsOutOfOrder: 2
        case .leaderEpochAhead: 75
        case .offsetsTooFarApart: 87
        }
    }

    package var description: String {
        switch self {
        case .invalid(let reason): reason.description
        case .empty: "there are no batches"
        case .oldFormat(let magic): "batches of magic \(magic) are not taken"
        case .batchTooLarge(let size, let limit): "a batch of \(size) bytes exceeds max.message.bytes=\(limit)"
        case .tooLargeForSegment(let size, let limit): "batches of \(size) bytes exceed segment.bytes=\(limit)"
        case .baseOffsetOfProducer(let offset): "the base offset of a producer's batch is 0, not \(offset)"
        case .timestampsOutOfRange: "One or more records have been rejected due to invalid timestamp"
        case .timestampTypeOfBrokers: "only brokers stamp records with LogAppendTime"
        case .controlBatchFromClient: "only brokers write control batches"
        case .keysMissing(let indexes):
            "One or more records have been rejected due to \(indexes.count) record errors in total: a compacted topic "
                + "takes no records without keys"
        case .inconsistentProducer(let id, let epoch, let sequence):
            "producer \(id) with epoch \(epoch) and sequence \(sequence) makes no sense"
        case .outOfOrderSequence(let id, let expected, let found):
            "producer \(id) sent sequence \(found) where \(expected) comes next"
        case .fencedProducer(let id, let current, let found):
            "producer \(id) with epoch \(found) was replaced by one with epoch \(current)"
        case .transactionOpen(let id): "producer \(id) sent a plain batch inside its transaction"
        case .fencedCoordinator(let current, let found):
            "a marker of coordinator epoch \(found) came after one of epoch \(current)"
        case .leaderEpochAhead(let newest, let found):
            "batches of leader epoch \(found) came from a leader of epoch \(newest)"
        case .offsetsOutOfOrder(let expected, let found): "batches at offset \(found) came where \(expected) is next"
        case .offsetsTooFarApart(let first, let last): "no segment holds batches at both \(first) and \(last)"
        }
    }
}

extension AppendRefusal {
    /// What is wrong with single records, by their places in the batch, in Apache Kafka's words (KIP-467).
    package var recordErrors: [(recordIndex: Int, message: String)] {
        switch self {
        case .timestampsOutOfRange(let records, let earliest, let latest):
            records.map { record in
                (
                    record.recordIndex,
                    "Timestamp \(record.timestamp) of message with offset \(record.recordIndex) is out of range. The "
                        + "timestamp should be within [\(earliest), \(latest)]"
                )
            }
        case .keysMissing(let indexes):
            indexes.map { ($0, "Compacted topic cannot accept message without key") }
        default: []
        }
    }
}
