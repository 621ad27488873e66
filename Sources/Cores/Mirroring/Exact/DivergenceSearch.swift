import ClusterModel

/// Finds by halving from where on two logs of one partition differ, when they are known to differ at their ends: what
/// lies before a batch that both have is the same in both.
package struct DivergenceSearch: Sendable, Equatable {
    /// Below it they are the same.
    private var low: Offset
    /// From it on nothing more is to be looked at.
    private var high: Offset
    /// From where on they differ, as far as is known.
    package private(set) var from: Offset

    /// - Parameter range: from where on they have to be compared, and where they are known to differ.
    package init(in range: Range<Offset>) {
        low = range.lowerBound
        high = range.upperBound
        from = range.upperBound
    }

    /// The offset at which to compare next; nil when ``from`` is the answer.
    package var next: Offset? { low < high ? low + (high - low) / 2 : nil }

    /// One log's first batch that ends behind `offset` has been compared with what the other has in its place.
    /// - Parameters:
    ///   - batch: its offsets; nil when there is none.
    ///   - isSame: nil when there is nothing that it could be compared with.
    package mutating func compared(at offset: Offset, _ batch: Range<Offset>?, isSame: Bool?) {
        precondition(offset == next, "compared at \(offset) instead of \(String(describing: next))")
        guard let batch, batch.lowerBound < high else {
            high = offset
            return
        }
        if isSame == true {
            low = batch.upperBound
            return
        }
        if isSame == false { from = min(from, batch.lowerBound) }
        high = min(batch.lowerBound, high)
    }
}
