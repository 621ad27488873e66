import NIOCore
import Quorum
import Seams
import WireCoding
import ZNodes
import ZooKeeperProtocol

/// How a leader changes the ensemble (`reconfig`), in Apache ZooKeeper's order of checks.
extension CoordinatorKernel {
    mutating func reconfigure(
        _ request: ZooKeeperRequest, by identities: [ZooKeeperID], at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) -> Result<ZooKeeperReply, ZooKeeperError> {
        guard case .reconfig(let joining, let leaving, let newMembers, let expected) = request,
            let quorum = ensemble?.quorum
        else { return .failure(.unimplemented) }
        do throws(ZooKeeperError) {
            guard settings.allowsReconfiguration else { throw .reconfigDisabled }
            let current = quorum.membership
            if expected != -1 && expected != current.version { throw .badVersion }
            var next = try wanted(joining, leaving, newMembers, from: current, by: identities)
            next.version = lastZxid + 1
            switch quorum.refusal(of: next, at: now) {
            case .inProgress: throw .reconfigInProgress
            case .noQuorum: throw .newConfigNoQuorum
            case nil: break
            }
            try tree.requireWrite(toConfigurationBy: identities)
            change(
                .reconfigured(configuration: next.configurationText, previous: current.configurationText), at: now,
                into: &effects)
            let (data, stat) = tree.hard.configurationNode
            return .success(.data(data, stat))
        } catch {
            return .failure(error)
        }
    }

    /// The ensemble that a request asks for.
    private func wanted(
        _ joining: String?, _ leaving: String?, _ newMembers: String?, from current: Membership,
        by identities: [ZooKeeperID]
    ) throws(ZooKeeperError) -> Membership {
        do throws(InvalidMembership) {
            if let newMembers, !newMembers.isEmpty { return try Membership(configurationText: newMembers) }
            var members = current.members
            for text in (leaving ?? "").split(separator: ",") {
                guard let number = Int64(text.filter { $0 != " " }) else {
                    throw InvalidMembership("'\(text)' is no member's number")
                }
                members.removeAll { $0.id.number == number }
            }
            for line in (joining ?? "").split(whereSeparator: { $0 == "," || $0 == "\n" }) {
                let member = try Membership.Member(configurationLine: String(line))
                members.removeAll { $0.id == member.id }
                members.append(member)
            }
            // Whether they go together is checked on the way back from text.
            return try Membership(configurationText: Membership(members).configurationText)
        } catch {
            // ZooKeeper would look at who asks next.
            if error.isOursAlone { try tree.requireWrite(toConfigurationBy: identities) }
            throw .badArguments
        }
    }
}

extension Membership {
    /// The ensemble that the tree shows; nil for a tree that has never been an ensemble's.
    init?(shownBy state: TreeState) {
        guard !state.configuration.isEmpty else { return nil }
        self.init(trusting: state.configuration)
    }

    /// The ensemble of a text that a leader has written.
    init(trusting text: String) {
        do throws(InvalidMembership) {
            try self.init(configurationText: text)
        } catch {
            preconditionFailure("a text of an ensemble that no leader writes: \(error): \(text)")
        }
    }
}

extension QuorumEntry {
    /// A record on its way to the log; one that changes the ensemble says so.
    init(_ record: TreeRecord, _ bytes: ByteBuffer) {
        self.init(zxid: record.zxid, record: bytes, membership: record.membership)
    }
}

extension QuorumEntry {
    /// What the log holds; it has been replayed before.
    init(_ entry: LogEntry) {
        self.init(zxid: entry.zxid, record: entry.record)
        if TreeRecord.isReconfiguration(entry.record) { membership = TreeRecord(trusting: self).membership }
    }
}

extension TreeRecord {
    /// The ensemble that the change makes; nil for all others.
    var membership: Membership? { reconfiguration.map { Membership(trusting: $0.configuration) } }

    /// The ensemble that the change ends; nil for all others.
    var previousMembership: Membership? { reconfiguration.map { Membership(trusting: $0.previous) } }

    /// The change of an entry that has been read before.
    init(trusting entry: QuorumEntry) {
        do throws(MalformedInput) {
            try self.init(entry)
        } catch {
            preconditionFailure("the change of zxid \(entry.zxid) has become unreadable: \(error)")
        }
    }
}
