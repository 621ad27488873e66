import ClusterModel

/// Finds by halving where the first batch begins that one of two logs of a partition has and the other has not, by
/// digests of ranges of both.
package struct DigestSearch: Sendable, Equatable {
    /// Below it they are the same.
    private var low: Offset
    /// Below it they are known to differ, unless nothing was compared yet.
    private var high: Offset
    private var differs = false

    /// - Parameter range: what both logs hold and have committed.
    package init(in range: Range<Offset>) {
        low = range.lowerBound
        high = range.upperBound
    }

    /// Of which range the digests are to be compared next; nil when ``from`` is the answer.
    package var next: Range<Offset>? {
        guard differs else { return low < high ? low..<high : nil }
        return high - low > 1 ? low..<low + (high - low) / 2 : nil
    }

    package mutating func compared(isSame: Bool) {
        guard let range = next else { preconditionFailure("compared although all is known: \(self)") }
        if isSame {
            low = range.upperBound
        } else {
            (high, differs) = (range.upperBound, true)
        }
    }

    /// From where on they differ, the range's end when they do not.
    package var from: Offset { low }
}
