import ClusterModel
import Records

/// What batches that are sent together bring.
package struct CopyLoad: Sendable, Equatable {
    /// Without markers of transactions.
    package var records = 0
    package var bytes = 0
    /// The earliest and the latest time that records carry, in milliseconds since 1970; nil when none carries one.
    package var timestamps: ClosedRange<Int64>?
    /// When it was read at the source, in milliseconds since 1970.
    package var readAtUnixMilliseconds: Int64 = 0

    package init() {}

    package mutating func add(_ header: RecordBatchHeader) {
        bytes += RecordBatchHeader.overheadInBytes + Int(header.batchLength)
        guard !header.attributes.isControl else { return }
        records += Int(header.recordCount)
        guard header.maxTimestamp >= 0 else { return }
        // The first record of a batch is the oldest, but for producers that set times themselves.
        let isStamped = header.attributes.timestampType == .logAppendTime || header.attributes.hasDeleteHorizon
        let first = isStamped || header.baseTimestamp < 0 ? header.maxTimestamp : header.baseTimestamp
        let own = min(first, header.maxTimestamp)...header.maxTimestamp
        let known = timestamps ?? own
        timestamps = min(known.lowerBound, own.lowerBound)...max(known.upperBound, own.upperBound)
    }
}
