import Seams

/// What an operator, and the kernel, may know of a member.
package struct QuorumStatus: Sendable, Equatable {
    package enum Role: Sendable, Equatable {
        case looking
        case following(MemberID)
        case leading
    }

    package var role: Role
    package var epoch: Int32
    package var membership: Membership
    package var committed: Int64
    package var lastZxid: Int64
    /// Of a leader: who of the others is up to date with it, or nearly, ascending; and who is on the way there.
    package var synced: [MemberID] = []
    package var lagging: [MemberID] = []

    package init(role: Role, epoch: Int32, membership: Membership, committed: Int64, lastZxid: Int64) {
        self.role = role
        self.epoch = epoch
        self.membership = membership
        self.committed = committed
        self.lastZxid = lastZxid
    }
}

/// Why an ensemble is not changed now.
package enum ReconfigurationRefusal: Error, Sendable, Equatable {
    case inProgress
    /// Too few of the members it would have are connected and up to date.
    case noQuorum
}

extension QuorumMember {
    package var status: QuorumStatus {
        var status = QuorumStatus(
            role: .looking, epoch: promise.epoch, membership: memberships.current, committed: committed,
            lastZxid: log.last)
        switch role {
        case .looking: break
        case .following(let following): status.role = .following(following.leader)
        case .leading(let leading):
            status.role = .leading
            for (member, progress) in leading.progress.sorted(by: { $0.key < $1.key }) {
                if progress.isStreaming { status.synced.append(member) } else { status.lagging.append(member) }
            }
        }
        return status
    }

    /// The ensemble as its newest entry has it.
    package var membership: Membership { memberships.current }

    /// Why the leader should not propose this ensemble now; nil when it may.
    package func refusal(of membership: Membership, at now: Instant) -> ReconfigurationRefusal? {
        guard case .leading(let leading) = role, !memberships.isChanging,
            Epoch.of(zxid: committed) == leading.epoch
        else { return .inProgress }
        let timeout = settings.electionTimeout.nanoseconds
        let ready = leading.progress.filter {
            $0.value.isStreaming && $0.value.rebirth == nil && now.nanoseconds - $0.value.heard < timeout
        }.keys
        return membership.isQuorum(Set(ready).union([id])) ? nil : .noQuorum
    }
}

extension Leading.Progress {
    fileprivate var isStreaming: Bool {
        if case .streaming = phase { true } else { false }
    }
}
