import CoordinatorKernel
import NIOCore
import Quorum

/// What must be true of the logs of an ensemble's members at every step. It learns of them from what members hand to their
/// disks and from how far they say that they can count on it, and looks at nothing else of them.
struct AgreementOracle {
    private struct Ancestry: Equatable {
        var previous: Int64
        var record: ByteBuffer
    }

    private struct Log {
        var end: Int64 = 0
        var committed: Int64 = 0
    }

    private(set) var violations: [String] = []
    private(set) var digest = Digest()
    private var leaders: [Int32: Int] = [:]
    /// Of all entries that any log ever had.
    private var ancestries: [Int64: Ancestry] = [:]
    /// What anybody counted on, in its order.
    private var order: [Int64] = []
    private var committed: Set<Int64> = [0]
    private var logs: [Log]
    /// What was written to registers by changes that are committed.
    private var written: Set<String> = []

    init(memberCount: Int) { logs = Array(repeating: Log(), count: memberCount) }

    mutating func violate(_ what: String) { violations.append(what) }

    func isCommitted(_ zxid: Int64) -> Bool { committed.contains(zxid) }

    mutating func member(_ member: Int, _ step: SimulatedServer.LogStep) {
        switch step {
        case .restores(let base, let entries):
            requireCommitted(base, "starts from a snapshot", of: member)
            logs[member] = Log(end: base, committed: base)
            for entry in entries { append(entry, at: member) }
        case .appends(let entry): append(entry, at: member)
        case .truncates(let zxid):
            digest.fold(4, Int64(member), zxid)
            if zxid < logs[member].committed {
                violate("\(member + 1) truncates after \(zxid: zxid), and counts on \(zxid: logs[member].committed)")
            }
            logs[member].end = min(zxid, logs[member].end)
        case .installs(let zxid):
            digest.fold(6, Int64(member), zxid)
            requireCommitted(zxid, "installs the state", of: member)
            logs[member] = Log(end: zxid, committed: zxid)
        case .snapshots(let zxid): requireCommitted(zxid, "keeps a snapshot", of: member)
        case .leads(let epoch): lead(epoch, member)
        }
    }

    private mutating func requireCommitted(_ zxid: Int64, _ what: String, of member: Int) {
        if !committed.contains(zxid) { violate("\(member + 1) \(what) of \(zxid: zxid), which nobody has committed") }
    }

    /// The same zxid stands behind the same entries in every log.
    private mutating func append(_ entry: LogEntry, at member: Int) {
        digest.fold(3, Int64(member), entry.zxid)
        let previous = logs[member].end
        if entry.zxid <= previous { violate("\(member + 1) appends \(zxid: entry.zxid) after \(zxid: previous)") }
        let ancestry = Ancestry(previous: previous, record: entry.record)
        if let known = ancestries[entry.zxid] {
            if known != ancestry {
                violate(
                    "\(member + 1) has \(zxid: entry.zxid) after \(zxid: previous), others have another entry, after "
                        + "\(zxid: known.previous)")
            }
        } else {
            ancestries[entry.zxid] = ancestry
        }
        logs[member].end = entry.zxid
    }

    /// At most one member ever leads an epoch, and what was committed in older ones is in its log.
    private mutating func lead(_ epoch: Int32, _ member: Int) {
        digest.fold(1, Int64(member), Int64(epoch))
        if let other = leaders[epoch], other != member { violate("\(member + 1) and \(other + 1) lead epoch \(epoch)") }
        leaders[epoch] = member
        guard let newest = order.last(where: { Epoch.of(zxid: $0) < epoch }) else { return }
        var zxid = logs[member].end
        while zxid > newest, let ancestry = ancestries[zxid] { zxid = ancestry.previous }
        if zxid != newest {
            violate("\(member + 1) leads epoch \(epoch) without the committed \(zxid: newest)")
        }
    }

    /// A member counts on everything up to `zxid`: all members count on beginnings of one sequence.
    mutating func member(_ member: Int, commits zxid: Int64) {
        guard zxid > logs[member].committed else { return }
        digest.fold(5, Int64(member), zxid)
        logs[member].committed = zxid
        if zxid > logs[member].end {
            violate("\(member + 1) counts on \(zxid: zxid), and its log ends at \(zxid: logs[member].end)")
        }
        var new: [Int64] = []
        var next = zxid
        while !committed.contains(next), let ancestry = ancestries[next] {
            new.append(next)
            next = ancestry.previous
        }
        guard !new.isEmpty else { return }
        let last = order.last ?? 0
        guard next == last else {
            return violate("\(member + 1) counts on \(zxid: zxid), which does not follow the committed \(zxid: last)")
        }
        for zxid in new.reversed() {
            order.append(zxid)
            committed.insert(zxid)
            note(ancestries[zxid]?.record, zxid)
        }
    }

    /// What a client writes once is written once. The texts of registers stand at the end of the records.
    private mutating func note(_ record: ByteBuffer?, _ zxid: Int64) {
        guard let bytes = record?.readableBytesView, bytes.last == UInt8(ascii: ">"),
            let start = bytes.lastIndex(of: UInt8(ascii: "<"))
        else { return }
        let text = String(decoding: bytes[start...], as: UTF8.self)
        if !written.insert(text).inserted { violate("\(text) is written a second time, by \(zxid: zxid)") }
    }
}
