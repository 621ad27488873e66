import ClusterModel
import Records

/// Finds the records of the source of which copies stand last at the target, when somebody else has copied them one by one:
/// MirrorMaker 2, whose batches are not the source's.
///
/// It never answers a place behind an uncopied record: of several places that look alike it takes the first.
package struct CopiedTail: Sendable {
    /// Where the last copy came from, and how many before it came from the records before that one.
    package struct Match: Sendable, Equatable {
        /// Of the record's original.
        package var offset: Offset
        /// Both offsets of the records that were recognized, in order; the last is that one's.
        package var pairs: [MirroredPosition]

        package init(offset: Offset, pairs: [MirroredPosition]) {
            self.offset = offset
            self.pairs = pairs
        }
    }

    /// So many records are compared.
    package static let capacity = 256

    /// As they stand at the target, in order; their offsets stand beside them.
    private let copies: [Record]
    private let offsets: [Offset]
    private let comparesTimes: Bool
    /// Nothing before it can be what was copied last.
    private let earliest: Offset
    /// The source's latest records; where the oldest of them stands when there are as many as are compared.
    private var window: [Record] = []
    private var oldest = 0
    /// The best so far.
    package private(set) var match: Match?

    /// - Parameters:
    ///   - copies: the target's last records, in order; the last ``capacity`` count.
    ///   - comparesTimes: false when the target gives records times of its own.
    ///   - earliest: the source offset of a record of which it is known that it was copied; those before it are only
    ///     compared with those before its copy.
    package init(_ copies: [Record], comparesTimes: Bool, notBefore earliest: Offset) {
        let last = copies.suffix(Self.capacity)
        offsets = last.map(\.offset)
        self.comparesTimes = comparesTimes
        self.copies = last.map { Self.comparable($0, withTime: comparesTimes) }
        self.earliest = earliest
    }

    private static func comparable(_ record: Record, withTime: Bool) -> Record {
        var record = record
        record.offset = 0
        if !withTime { record.timestamp = 0 }
        return record
    }

    /// Whether no better match can come.
    package var isSettled: Bool { copies.isEmpty || match?.pairs.count == copies.count }

    /// Takes the source's next record in order.
    package mutating func pass(_ original: Record) {
        guard let last = copies.last, !isSettled else { return }
        push(original)
        guard original.offset >= earliest, isSame(original, last) else { return }
        var count = 1
        while count < min(copies.count, window.count), isSame(latest(count), copies[copies.count - 1 - count]) {
            count += 1
        }
        guard count > match?.pairs.count ?? 0 else { return }
        match = Match(
            offset: original.offset,
            pairs: (0..<count).reversed().map { age in
                MirroredPosition(source: latest(age).offset, target: offsets[offsets.count - 1 - age])
            })
    }

    private func isSame(_ original: Record, _ copy: Record) -> Bool {
        Self.comparable(original, withTime: comparesTimes) == copy
    }

    private mutating func push(_ record: Record) {
        if window.count < copies.count {
            window.append(record)
        } else {
            window[oldest] = record
            oldest = (oldest + 1) % window.count
        }
    }

    /// The record that so many have followed.
    private func latest(_ age: Int) -> Record { window[(oldest + window.count - 1 - age) % window.count] }
}
