import NIOCore
import Quorum

/// What must be true of members whatever happens to them. It looks only at what they do, never into them.
struct QuorumOracle {
    private struct Ancestry: Equatable {
        var previous: Int64
        var record: ByteBuffer
        var membership: Membership?
    }

    private(set) var violations: [String] = []
    private var leaders: [Int32: MemberID] = [:]
    /// Of all entries that any log ever had.
    private var ancestries: [Int64: Ancestry] = [:]
    /// The zxids that anybody has been told to count on, in their order.
    private(set) var committed: [Int64] = []
    /// In which epoch each of them was committed first.
    private var committingEpochs: [Int32] = []
    /// Of everything that was looked at.
    private(set) var digest = Digest()

    mutating func violate(_ what: String) { violations.append(what) }

    /// At most one member ever leads an epoch, and what was committed in older ones is in its log.
    mutating func member(_ id: MemberID, leads epoch: Int32, with log: MemberDisk.Contents) {
        digest.fold(1, id.number, Int64(epoch))
        if let other = leaders[epoch], other != id { violate("\(id) and \(other) lead epoch \(epoch)") }
        leaders[epoch] = id
        if let opening = ancestries[Epoch.opening(epoch)] {
            violate("\(id) comes to lead epoch \(epoch), which has entries already: \(opening)")
        }
        // A member may win an epoch late, when a newer one has been opened, and then gets nowhere.
        guard let newest = committingEpochs.lastIndex(where: { $0 < epoch }) else { return }
        if !log.holds(committed[newest], at: newest + 1) {
            violate(
                "\(id) leads epoch \(epoch) without the committed \(zxid: committed[newest]); its log ends at "
                    + "\(zxid: log.last)")
        }
    }

    mutating func member(_ id: MemberID, follows leader: MemberID, epoch: Int32) {
        digest.fold(2, id.number, Int64(epoch))
        if leaders[epoch] != leader {
            violate("\(id) follows \(leader) in epoch \(epoch), led by \(leaders[epoch].map { "\($0)" } ?? "nobody")")
        }
    }

    /// The same zxid stands behind the same entries in every log.
    mutating func member(_ id: MemberID, appends entries: [QuorumEntry], after last: Int64) {
        var previous = last
        for entry in entries {
            digest.fold(3, id.number, entry.zxid)
            if entry.zxid <= previous { violate("\(id) appends \(zxid: entry.zxid) after \(zxid: previous)") }
            let ancestry = Ancestry(previous: previous, record: entry.record, membership: entry.membership)
            if let known = ancestries[entry.zxid] {
                if known != ancestry {
                    violate("\(id) has \(zxid: entry.zxid) after \(zxid: previous), others have \(known)")
                }
            } else {
                ancestries[entry.zxid] = ancestry
            }
            previous = entry.zxid
        }
    }

    mutating func member(_ id: MemberID, truncates zxid: Int64, committed state: PrefixState, log: MemberDisk.Contents)
    {
        digest.fold(4, id.number, zxid)
        if zxid < state.zxid {
            violate("\(id) truncates after \(zxid: zxid), below \(zxid: state.zxid), which it was told to count on")
        }
        if zxid < log.base.zxid { violate("\(id) truncates after \(zxid: zxid), below its snapshot") }
    }

    /// What is committed is one sequence; everybody learns a beginning of it, and leaders learn first.
    ///
    /// - Parameter leading: the epoch that the member leads.
    /// - Returns: the state of the member from now on.
    mutating func member(
        _ id: MemberID, leading: Int32?, commits zxid: Int64, from state: PrefixState, log: MemberDisk.Contents
    ) -> PrefixState {
        digest.fold(5, id.number, zxid)
        guard log.contains(zxid) else {
            violate("\(id) commits \(zxid: zxid), which its log lacks; it ends at \(zxid: log.last)")
            return state
        }
        var state = state
        for entry in log.entries[log.count(upTo: state.zxid)..<log.count(upTo: zxid)] {
            if state.count < committed.count {
                if committed[state.count] != entry.zxid {
                    violate("\(id) commits \(zxid: entry.zxid) where others have \(zxid: committed[state.count])")
                    return state
                }
            } else if let leading, leading >= committingEpochs.last ?? 0 {
                committed.append(entry.zxid)
                committingEpochs.append(leading)
            } else {
                violate("\(id) commits \(zxid: entry.zxid), which no leader has committed")
            }
            state.count += 1
            state.zxid = entry.zxid
            if let membership = entry.membership { state.membership = membership }
        }
        return state
    }

    /// The state that a member sends consists of what is committed.
    mutating func member(_ id: MemberID, sends state: PrefixState) {
        digest.fold(6, id.number, state.zxid)
        let isCommitted =
            state.count == 0
            ? state.zxid == 0
            : state.count <= committed.count && committed[state.count - 1] == state.zxid
        if !isCommitted { violate("\(id) sends a state of what is not committed, up to \(zxid: state.zxid)") }
    }
}

extension MemberDisk.Contents {
    /// Whether `zxid`, the last of the first `count` changes, is in the log or in the state before it.
    fileprivate func holds(_ zxid: Int64, at count: Int) -> Bool { base.count >= count || contains(zxid) }
}

/// A number that differs when anything differs that was folded into it (FNV-1a by words).
struct Digest: Equatable {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func fold(_ kind: Int64, _ first: Int64, _ second: Int64) {
        value = (value ^ UInt64(bitPattern: kind)) &* 0x100_0000_01b3
        value = (value ^ UInt64(bitPattern: first)) &* 0x100_0000_01b3
        value = (value ^ UInt64(bitPattern: second)) &* 0x100_0000_01b3
    }
}
