import ClusterModel

/// Where to read a partition that lies far behind, in several places at once, so that a long pipe is filled though one
/// fetch says only when it has come where the next one begins.
///
/// What is ahead is cut into stripes of offsets, as long as one fetch gave lately. What a stripe gives is held back until
/// all before it is there; whatever two stripes both give, for a fetch begins with the whole batch that its offset is in,
/// is left out by who takes it in order.
///
/// A connection that has lost packets is slow for seconds. When all that may be held back is, and only the first stripe is
/// missing, whoever has nothing else to do reads it as well: the answer that comes first counts.
package struct ReadAhead<Bytes: Sendable>: Sendable {
    private struct Stripe: Sendable {
        /// What to read next in it.
        var next: Offset
        /// Where the next stripe begins; nil for the last.
        var end: Offset?
        /// By how many it is read now.
        var readers = 0
        /// Whether nothing bounded what was asked for.
        var isAskedForAll = false
        var held: [Bytes] = []

        var isAsked: Bool { readers > 0 }

        /// Whether the next stripe goes on where this one has come.
        var isRead: Bool { end.map { next >= $0 } ?? false }
    }

    /// A stripe that is not the first holds what so many fetches gave at most: the second brings what the first fell
    /// short of, for records are not all of one length.
    private static var mostHeld: Int { 2 }
    /// What a fetch had better bring at least, in bytes, so that small batches do not take a fetch each.
    private static var leastFetchInBytes: Double { 262_144 }
    /// Stripes for each place that may be read at once: who has read one does not wait until those before it are there.
    private static var stripesOfPlace: Int { 2 }

    /// In order; adjacent.
    private var stripes: [Stripe]
    /// What the last fetch gave that nothing but its own limit bounded; 0 while one brings all there is.
    private var fullFetchInBytes = 0.0
    /// Of the last fetch that gave anything.
    private var bytesPerOffset = 1.0
    private var longestBatchInBytes = 0.0

    /// Begins to read at `offset`.
    package init(at offset: Offset) { stripes = [Stripe(next: offset)] }

    /// The next place to read; it is noted as asked.
    /// - Parameters:
    ///   - end: up to where there is something to be read.
    ///   - most: how many places may be read at once, besides one that is read for the second time.
    package mutating func ask(upTo end: Offset, most: Int) -> Offset? {
        // What is held back is bounded: otherwise a stripe is read on when it has become the first.
        let free = stripes.indices.first {
            !stripes[$0].isAsked && !stripes[$0].isRead && ($0 == 0 || stripes[$0].held.count < Self.mostHeld)
        }
        if let free {
            stripes[free].readers = 1
            stripes[free].isAskedForAll = stripes[free].end == nil
            return stripes[free].next
        }
        guard stripes.count < most * Self.stripesOfPlace else {
            guard stripes.count > 1, stripes[0].readers == 1 else { return nil }
            stripes[0].readers = 2
            return stripes[0].next
        }
        let stride = self.stride
        guard stripes.count(where: \.isAsked) < most, stride > 0, let last = stripes.last, last.end == nil,
            stride < Double(end - last.next)
        else { return nil }
        let start = last.next + Offset(stride)
        stripes[stripes.count - 1].end = start
        var stripe = Stripe(next: start)
        stripe.readers = 1
        stripe.isAskedForAll = true
        stripes.append(stripe)
        return start
    }

    /// As many offsets as one fetch gives wherever it begins. It begins with the whole of a batch and leaves out one that
    /// its end cuts off: on the average it loses one batch, and what falls short costs another fetch.
    private var stride: Double {
        let lost = min(longestBatchInBytes * 3 / 2, fullFetchInBytes / 2)
        return ((fullFetchInBytes - lost) / bytesPerOffset).rounded()
    }

    /// About how many bytes a fetch at `offset`, which ``ask(upTo:most:)`` has given, had better bring at most: what comes
    /// behind them is fetched by another. nil where there is no other.
    package func mostBytes(at offset: Offset) -> Int? {
        guard let stripe = stripes.first(where: { $0.isAsked && $0.next == offset }), let end = stripe.end else {
            return nil
        }
        // An eighth more, for records may be longer here, and batches do not end where stripes do.
        return Int(max(Self.leastFetchInBytes, Double(end - offset) * bytesPerOffset * 9 / 8))
    }

    /// What a fetch at `offset`, which ``ask(upTo:most:)`` has given, brought.
    /// - Parameters:
    ///   - next: the offset behind it; `offset` itself when it brought nothing.
    ///   - sizeInBytes: how long it is.
    ///   - longestBatchInBytes: how long the longest batch in it is.
    ///   - isFull: whether it brought about as much as it could hold. After one that did not the next place is not read
    ///     ahead: both would bring the same bytes.
    /// - Returns: all that is in order now.
    package mutating func take(
        _ bytes: Bytes, at offset: Offset, next: Offset, sizeInBytes: Int, longestBatchInBytes: Int = 0, isFull: Bool
    ) -> [Bytes] {
        guard let place = stripes.firstIndex(where: { $0.isAsked && $0.next == offset }) else { return [] }
        stripes[place].readers = 0
        if next > offset {
            stripes[place].held.append(bytes)
            stripes[place].next = next
            bytesPerOffset = Double(max(1, sizeInBytes)) / Double(next - offset)
            self.longestBatchInBytes = Double(longestBatchInBytes)
            if stripes[place].isAskedForAll { fullFetchInBytes = isFull ? Double(max(1, sizeInBytes)) : 0 }
        }
        var ready = stripes[0].held
        stripes[0].held = []
        while stripes[0].isRead, stripes.count > 1 {
            stripes.removeFirst()
            ready += stripes[0].held
            stripes[0].held = []
        }
        return ready
    }

    /// A fetch brought no answer: its place is read again, unless somebody else reads it.
    package mutating func failed(at offset: Offset) {
        guard let place = stripes.firstIndex(where: { $0.isAsked && $0.next == offset }) else { return }
        stripes[place].readers -= 1
    }
}
