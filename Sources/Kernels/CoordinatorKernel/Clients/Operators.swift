import NIOCore
import Quorum
import Seams
import ZNodes
import ZooKeeperProtocol

/// What operators may do who come by another way than clients.
extension CoordinatorKernel {
    /// What an operator has shown.
    package enum OperatorStanding: Sendable, Equatable {
        /// Nobody that is known.
        case unknown
        /// Somebody who lacks a permission on the root.
        case refused
        /// Somebody with all permissions on the root.
        case trusted
    }

    /// Who an operator is, by the scheme of an `Authorization` header.
    ///
    /// - Parameters:
    ///   - host: where the operator comes from.
    ///   - subject: of a verified certificate.
    ///   - credentials: what stands behind the scheme; nil for nothing, as with `ip` and `x509`.
    package func standing(
        ofOperatorFrom host: String, subject: String?, scheme: String, credentials: String?
    ) -> OperatorStanding {
        let connection = ClientConnection(
            address: host, host: host, subject: subject, superSubject: settings.superSubject)
        guard credentials != nil || scheme != DigestIdentity.scheme,
            let proven = identities(
                provenBy: ByteBuffer(string: credentials ?? ""), scheme: scheme, on: connection)
        else { return .unknown }
        let isSuper = scheme == "x509" && connection.identities.contains { $0.scheme == "super" }
        let identities = isSuper ? connection.identities : proven
        return tree.allowsEverything(onRootTo: identities) ? .trusted : .refused
    }

    /// How a state is to be restored that takes the place of this one.
    package var treeSettings: ZNodesSettings { settings.tree }

    /// Up to which change nothing can be taken back any more.
    package var committedZxid: Int64 { gate.committed }

    /// Of the leader that this member follows or is; 0 for a coordinator of its own.
    package var epoch: Int32 { ensemble?.quorum.promise.epoch ?? 0 }

    /// Another state has taken the place of all there was, of a coordinator of its own. Its clients have to come again.
    mutating func replaceState(by restored: RestoredTree, at now: Instant, into effects: inout [CoordinatorEffect]) {
        precondition(ensemble == nil, "a member's state is replaced behind the back of its ensemble")
        for id in clients.keys.sorted() where clients[id]?.phase.isEnding == false {
            leave(id)
            clients[id]?.phase = .ending
            dropLine(of: id)
            dropToken(of: id)
            effects.append(.close(id))
        }
        tree = restored.tree
        tree.touchAllSessions(at: now)
        replacementCount += 1
        gate = CommitGate(committed: lastZxid)
        leaving = []
        postponedCloses = []
        pendingSnapshot = nil
        changesSinceSnapshot = 0
        bytesSinceSnapshot = 0
    }
}
