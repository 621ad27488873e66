import NIOCore

/// Holds back what must not be said before the changes it could have seen are durable, and what depends on nobody else
/// leading before that is confirmed.
///
/// Invariant: what is held is in order of the zxids and of the rounds it waits for, so that everything leaves in the order
/// it came.
struct CommitGate<Effect: Sendable>: Sendable {
    private struct Held: Sendable {
        var zxid: Int64
        var round: Int64
        var effect: Effect
    }

    private var held = CircularBuffer<Held>()
    /// The last change that is durable.
    private(set) var committed: Int64
    private(set) var confirmedRound: Int64 = 0

    init(committed: Int64) { self.committed = committed }

    /// What waits.
    var count: Int { held.count }

    /// What waits for a round.
    var unconfirmedCount: Int { held.count { $0.round > confirmedRound } }

    /// Lets `effect` through into `effects` once `zxid` is committed and `round` is confirmed: at once if they are.
    ///
    /// - Parameter round: 0 when that need not be confirmed.
    mutating func pass(_ effect: Effect, after zxid: Int64, round: Int64 = 0, into effects: inout [Effect]) {
        if zxid <= committed && round <= confirmedRound && count == 0 {
            effects.append(effect)
        } else {
            precondition(zxid >= held.last?.zxid ?? .min, "waiting for zxid \(zxid) behind \(held.last?.zxid ?? 0)")
            held.append(Held(zxid: zxid, round: round, effect: effect))
        }
    }

    /// Lets through what waited for changes up to `zxid`.
    mutating func commit(upTo zxid: Int64, into effects: inout [Effect]) {
        precondition(zxid >= committed, "committed \(zxid) after \(committed)")
        committed = zxid
        release(into: &effects)
    }

    /// Lets through what waited for rounds up to this one.
    mutating func confirm(round: Int64, into effects: inout [Effect]) {
        confirmedRound = round
        release(into: &effects)
    }

    private mutating func release(into effects: inout [Effect]) {
        while !held.isEmpty, held[held.startIndex].zxid <= committed, held[held.startIndex].round <= confirmedRound {
            effects.append(held.removeFirst().effect)
        }
    }
}
