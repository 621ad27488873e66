import Quorum
import Seams
import ZNodes

/// How members notice that their trees differ, which must never be: each follower tells its leader the digests of its tree.
extension CoordinatorKernel {
    /// Tells the leader, now and then, what the tree has become.
    func tellDigest(at zxid: Int64, into effects: inout [CoordinatorEffect]) {
        guard let digest = tree.digest(at: zxid), let leader = leaderToAsk else { return }
        effects.append(.tell(leader, .digest(digest)))
    }

    mutating func compare(
        _ theirs: ZxidDigest, of member: MemberID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard let own = tree.digest(at: theirs.zxid), own != theirs else { return }
        ensemble?.statistics.digestMismatches += 1
        effects.append(.report(.treesDiffer(from: member, zxid: theirs.zxid)))
        if isDeciding { effects.append(.tell(member, .digest(own))) }
    }
}
