import ClusterModel
import Records

/// What marks a batch whatever header it travels under: its encoded records.
package struct BatchMark: Sendable, Equatable {
    package var recordCount: Int32
    /// CRC-32C of the bytes after the header.
    package var bodyCRC: UInt32

    package init(recordCount: Int32, bodyCRC: UInt32) {
        self.recordCount = recordCount
        self.bodyCRC = bodyCRC
    }
}

/// Finds in the source the batch that stands last at the target, running forward from a place known to be copied.
///
/// It never answers a place behind an uncopied record: of several batches with the same mark it takes the one that
/// the number of records at the target confirms, else the earliest; without any the target's last batch is no copy of
/// what the source has.
package struct RestartSearch: Sendable {
    package enum Outcome: Sendable, Equatable {
        case goOn
        /// The offset to copy from. `isExact` is false when records may be copied twice.
        case found(Offset, isExact: Bool)
        /// The source has no such batch.
        case absent
    }

    private let mark: BatchMark
    /// The source's end when the search began: what was copied lies before it.
    private let sourceEnd: Offset
    /// How many records stand at the target after the counterpart of where the search begins; nil when that is not known.
    private let expectedCount: Offset?
    private var count: Offset = 0
    private var earliest: Offset?

    package init(for mark: BatchMark, sourceEnd: Offset, expectedCount: Offset?) {
        self.mark = mark
        self.sourceEnd = sourceEnd
        self.expectedCount = expectedCount
    }

    /// Takes the source's next batch in order; control batches are not shown.
    package mutating func pass(_ mark: BatchMark, nextOffset: Offset) -> Outcome {
        count += Offset(mark.recordCount)
        if mark == self.mark {
            if expectedCount == nil || count == expectedCount { return .found(nextOffset, isExact: true) }
            if earliest == nil { earliest = nextOffset }
        }
        return nextOffset >= sourceEnd ? finish() : .goOn
    }

    /// The source has no more to show.
    package func finish() -> Outcome { earliest.map { .found($0, isExact: false) } ?? .absent }
}
