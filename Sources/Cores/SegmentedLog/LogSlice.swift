import ClusterModel
import WireCoding

/// What a read found.
package enum ReadOutcome: Sendable {
    case slice(LogSlice)
    /// The offset is not between where the log begins and where it ends.
    case outOfRange(start: Offset, end: Offset)
}

/// Whole batches of a log, as a range of a segment's file that was not read.
package struct LogSlice: Sendable {
    /// nil when there is nothing to return at the offset yet, or nothing that fits.
    package var range: FileRange?
    /// The offset from which a reader goes on after these batches; the one it asked for when there are none.
    package var nextOffset: Offset
    /// Transactions whose records in the slice a committed reader leaves out, by first offset; empty unless asked for.
    package var abortedTransactions: [AbortedTransaction]

    package init(range: FileRange?, nextOffset: Offset, abortedTransactions: [AbortedTransaction] = []) {
        self.range = range
        self.nextOffset = nextOffset
        self.abortedTransactions = abortedTransactions
    }

    package var sizeInBytes: Int { range?.count ?? 0 }
}

/// A transaction that was rolled back.
package struct AbortedTransaction: Sendable, Equatable {
    package var producerID: ProducerID
    package var firstOffset: Offset

    package init(producerID: ProducerID, firstOffset: Offset) {
        self.producerID = producerID
        self.firstOffset = firstOffset
    }
}

/// A record as `ListOffsets` speaks of it.
package struct TimestampedOffset: Sendable, Equatable {
    package var offset: Offset
    /// In milliseconds since 1970; -1 for none.
    package var timestamp: Int64
    /// -1 for unknown.
    package var leaderEpoch: LeaderEpoch

    package init(offset: Offset, timestamp: Int64, leaderEpoch: LeaderEpoch) {
        self.offset = offset
        self.timestamp = timestamp
        self.leaderEpoch = leaderEpoch
    }
}

/// Where an epoch's records end (KIP-101).
package struct EpochEnd: Sendable, Equatable {
    /// The largest known epoch that is not above the one asked for; -1 for none.
    package var epoch: LeaderEpoch
    /// The offset after its last record; -1 for unknown.
    package var endOffset: Offset

    package init(epoch: LeaderEpoch, endOffset: Offset) {
        self.epoch = epoch
        self.endOffset = endOffset
    }

    package static let unknown = EpochEnd(epoch: -1, endOffset: -1)
}
