import CoordinatorKernel
import Quorum

/// What the links of a member tell its coordinator's thread, in this order for each sender.
enum PeerEvent: Sendable {
    case received(MemberID, [PeerMessage])
    /// What is sent to the member from now on arrives, unless ``linkLost(_:)`` follows.
    case linkMade(MemberID)
    /// What was on its way to or from the member may be lost; the member may be gone.
    case linkLost(MemberID)
    /// Somebody who is not in the membership has dialled; it is dialled back at its own address while it stays.
    case joinerArrived(MemberID, address: String)
    /// A member knows its ensemble's id, and this one does not yet.
    case ensembleSeen([UInt8], at: MemberID)
}
