import Quorum

/// The last lines of what happened in a run.
struct Trace {
    private static let limit = 100_000
    private(set) var lines: [String] = []

    mutating func note(_ time: Int64, _ line: @autoclosure () -> String) {
        if lines.count >= 2 * Self.limit { lines.removeFirst(Self.limit) }
        lines.append("\(time / 1_000_000).\(String(1000 + time / 1000 % 1000).dropFirst()) \(line())")
    }
}

extension DefaultStringInterpolation {
    /// The epoch and the count.
    mutating func appendInterpolation(zxid: Int64) {
        appendLiteral("\(Epoch.of(zxid: zxid)):\(UInt32(truncatingIfNeeded: zxid))")
    }

    mutating func appendInterpolation(_ entries: [QuorumEntry]) {
        for entry in entries {
            appendLiteral(" \(zxid: entry.zxid)")
            if let membership = entry.membership { appendLiteral("\(membership.inShort)") }
        }
    }
}

extension Membership {
    /// Observers have an `o` behind them.
    var inShort: String { "[" + members.map { "\($0.id)\($0.isVoter ? "" : "o")" }.joined(separator: " ") + "]" }
}

extension QuorumEvent {
    var inShort: String {
        switch self {
        case .received(let message, let sender): "\(message.inShort) from \(sender)"
        case .persisted(let zxid, let count): "persisted \(zxid: zxid) after \(count) truncations"
        case .proposed(let entries): "proposed\(entries)"
        case .snapshotInstalled(let zxid, let membership): "installed \(zxid: zxid) \(membership.inShort)"
        default: "\(self)"
        }
    }
}

extension QuorumEffect {
    var inShort: String {
        switch self {
        case .promise(let promise):
            "promise \(promise.epoch), vote for \(promise.votedFor.map { "\($0)" } ?? "nobody"), \(promise.standing)"
        case .append(let entries): "append\(entries)"
        case .truncate(let zxid): "truncate after \(zxid: zxid)"
        case .send(let message, let receiver): "\(message.inShort) to \(receiver)"
        case .commit(let zxid): "commit \(zxid: zxid)"
        case .adopt(let membership): "adopt \(membership.inShort)"
        default: "\(self)"
        }
    }
}

extension QuorumMessage {
    var inShort: String {
        switch self {
        case .voteAsked(let request):
            "\(request.isPreliminary ? "pre-vote" : "vote") asked for \(request.epoch) with \(zxid: request.lastZxid)"
        case .voteAnswered(let answer):
            "\(answer.isPreliminary ? "pre-vote" : "vote") \(answer.isGranted ? "granted" : "refused") for "
                + "\(answer.epoch)"
        case .entries(let append):
            "entries of \(append.epoch) behind \(zxid: append.previousZxid), committed \(zxid: append.committed), "
                + "last \(zxid: append.lastZxid):\(append.entries)"
        case .acknowledged(let acknowledgement):
            "acknowledged \(zxid: acknowledgement.zxid) in \(acknowledgement.epoch)"
        case .rejected(let rejection):
            "rejected \(zxid: rejection.previousZxid), nearest \(zxid: rejection.nearestZxid) in \(rejection.epoch)"
        default: "\(self)"
        }
    }
}
