import ClusterModel

/// Where to read a partition that lies far behind, in several places at once, so that a long pipe is filled though one
/// fetch says only when it has come where the next one begins.
///
/// What is ahead is cut into stripes of offsets, as long as one fetch gave lately. What a stripe gives is held back until
/// all before it is there; whatever two stripes both give, for a fetch begins with the whole batch that its offset is in,
/// is left out by who takes it in order.
package struct ReadAhead<Bytes: Sendable>: Sendable {
    private struct Stripe: Sendable {
        /// What to read next in it.
        var next: Offset
        /// Where the next stripe begins; nil for the last.
        var end: Offset?
        var isAsked = false
        var held: [Bytes] = []

        /// Whether the next stripe goes on where this one has come.
        var isRead: Bool { end.map { next >= $0 } ?? false }
    }

    /// In order; adjacent.
    private var stripes: [Stripe]
    /// Offsets that the last fetch gave; 0 while one fetch brings all there is.
    private var stride: Offset = 0

    /// Begins to read at `offset`.
    package init(at offset: Offset) { stripes = [Stripe(next: offset)] }

    /// The next place to read that nobody reads yet; it is noted as asked.
    /// - Parameters:
    ///   - end: up to where there is something to be read.
    ///   - most: how many places may be read at once.
    package mutating func ask(upTo end: Offset, most: Int) -> Offset? {
        // What is held back is bounded: a stripe that is not the first is read on when it has become the first.
        let free = stripes.indices.first {
            !stripes[$0].isAsked && !stripes[$0].isRead && ($0 == 0 || stripes[$0].held.isEmpty)
        }
        if let free {
            stripes[free].isAsked = true
            return stripes[free].next
        }
        guard stripes.count < most, stride > 0, let last = stripes.last, last.end == nil else { return nil }
        let start = last.next + stride
        guard start < end else { return nil }
        stripes[stripes.count - 1].end = start
        var stripe = Stripe(next: start)
        stripe.isAsked = true
        stripes.append(stripe)
        return start
    }

    /// What a fetch at `offset`, which ``ask(upTo:most:)`` has given, brought.
    /// - Parameters:
    ///   - next: the offset behind it; `offset` itself when it brought nothing.
    ///   - isFull: whether it brought about as much as it could hold. After one that did not the next place is not read
    ///     ahead: both would bring the same bytes.
    /// - Returns: all that is in order now.
    package mutating func take(_ bytes: Bytes, at offset: Offset, next: Offset, isFull: Bool) -> [Bytes] {
        guard let place = stripes.firstIndex(where: { $0.isAsked && $0.next == offset }) else { return [] }
        stripes[place].isAsked = false
        if next > offset {
            stripes[place].held.append(bytes)
            stripes[place].next = next
            stride = isFull ? next - offset : 0
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

    /// A fetch brought no answer: its place is read again.
    package mutating func failed(at offset: Offset) {
        guard let place = stripes.firstIndex(where: { $0.isAsked && $0.next == offset }) else { return }
        stripes[place].isAsked = false
    }
}
