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
            try tree.requireWrite(toConfigurationBy: identities)
            let current = quorum.membership
            if expected != -1 && expected != current.version { throw .badVersion }
            var next = try wanted(joining, leaving, newMembers, from: current)
            next.version = lastZxid + 1
            switch quorum.refusal(of: next, at: now) {
            case .inProgress: throw .reconfigInProgress
            case .noQuorum: throw .newConfigNoQuorum
            case nil: break
            }
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
        _ joining: String?, _ leaving: String?, _ newMembers: String?, from current: Membership
    ) throws(ZooKeeperError) -> Membership {
        func parsed(_ text: String) throws(ZooKeeperError) -> Membership {
            do throws(ConfigurationFault) {
                return try Membership(configurationText: text)
            } catch {
                throw .badArguments
            }
        }
        if let newMembers, !newMembers.isEmpty {
            let next = try parsed(newMembers)
            guard !next.voters.isEmpty else { throw .badArguments }
            return next
        }
        var members = current.members
        for text in (leaving ?? "").split(separator: ",") {
            guard let number = Int64(text.trimmed) else { throw .badArguments }
            members.removeAll { $0.id.number == number }
        }
        for member in try parsed(joining ?? "").members {
            members.removeAll { $0.id == member.id }
            members.append(member)
        }
        guard members.contains(where: \.isVoter), Set(members.map(\.endpoint)).count == members.count else {
            throw .badArguments
        }
        return Membership(members)
    }
}

extension Membership.Member {
    /// Where it is found by the others, without its role and its clients' address.
    fileprivate var endpoint: Substring {
        let parts = address.split(separator: ";")[0].split(separator: ":")
        let numbers = parts.reversed().drop { Int($0) == nil }.count
        return address[..<(numbers > 0 ? parts[numbers - 1].endIndex : address.endIndex)]
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        drop { $0 == " " }.reversed().drop { $0 == " " }.reversed().reduce(into: Substring()) { $0.append($1) }
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
