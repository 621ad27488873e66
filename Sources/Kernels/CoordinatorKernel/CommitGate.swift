import NIOCore

/// Holds back what must not be said before the changes it could have seen are durable.
///
/// Invariant: what is held is in order of the zxids it waits for, so that everything leaves in the order it came.
struct CommitGate<Effect: Sendable>: Sendable {
    private struct Held: Sendable {
        var zxid: Int64
        var effect: Effect
    }

    private var held = CircularBuffer<Held>()
    /// The last change that is durable.
    private(set) var committed: Int64

    init(committed: Int64) { self.committed = committed }

    /// What waits.
    var count: Int { held.count }

    /// Lets `effect` through into `effects` once `zxid` is committed: at once if it is.
    mutating func pass(_ effect: Effect, after zxid: Int64, into effects: inout [Effect]) {
        if zxid <= committed && count == 0 {
            effects.append(effect)
        } else {
            precondition(zxid >= held.last?.zxid ?? .min, "waiting for zxid \(zxid) behind \(held.last?.zxid ?? 0)")
            held.append(Held(zxid: zxid, effect: effect))
        }
    }

    /// Lets through what waited for changes up to `zxid`.
    mutating func commit(upTo zxid: Int64, into effects: inout [Effect]) {
        precondition(zxid >= committed, "committed \(zxid) after \(committed)")
        committed = zxid
        while !held.isEmpty && held[held.startIndex].zxid <= zxid { effects.append(held.removeFirst().effect) }
    }
}
