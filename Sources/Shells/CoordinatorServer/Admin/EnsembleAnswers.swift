import CoordinatorKernel
import Quorum

/// What the AdminServer's commands tell of an ensemble, in Apache ZooKeeper's fields.
struct EnsembleAnswers {
    let status: CoordinatorStatus
    let ensemble: EnsembleStatus

    init?(_ status: CoordinatorStatus) {
        guard let ensemble = status.ensemble else { return nil }
        self.status = status
        self.ensemble = ensemble
    }

    private var leader: MemberID? {
        switch ensemble.quorum.role {
        case .looking: nil
        case .following(let leader): leader
        case .leading: ensemble.id
        }
    }

    /// nil while there is no leader.
    var leaderFields: AdminAnswers.Fields? {
        leader.map { leader in
            let host = address(of: leader)?.endpoints.first?.host
            return [
                .init("is_leader", .bool(leader == ensemble.id)), .init("leader_id", .number(leader.number)),
                .init("leader_ip", .text(host ?? "")),
            ]
        }
    }

    /// Those that this member leads.
    var observerFields: AdminAnswers.Fields {
        let synced = ensemble.quorum.synced.filter { !ensemble.quorum.membership.isVoter($0) }
        let lagging = ensemble.quorum.lagging.filter { !ensemble.quorum.membership.isVoter($0) }
        return [
            .init("synced_observers", .number(synced.count)),
            .init("observers", .list((synced + lagging).sorted().map { .object([.init("sid", .number($0.number))]) })),
        ]
    }

    var votingFields: AdminAnswers.Fields {
        let voters = ensemble.quorum.membership.members.filter(\.isVoter).map { member in
            let address = address(of: member.id)
            return JSONValue.Field(
                "\(member.id)",
                .object([
                    .init("server_addresses", .list(texts(address, \.quorumPort))),
                    .init("election_addresses", .list(texts(address, \.electionPort))),
                    .init("client_address", .text(address?.client.map { "\($0.host):\($0.port)" } ?? "")),
                    .init("learner_type", .text("participant")),
                ]))
        }
        return [.init("current_config", .object(voters))]
    }

    var stateFields: AdminAnswers.Fields {
        let address = address(of: ensemble.id)
        return [
            .init("myid", .number(ensemble.id.number)),
            .init("is_leader", .bool(ensemble.quorum.role == .leading)),
            .init("quorum_address", .object([.init("all_addresses", .list(texts(address, \.quorumPort)))])),
            .init("election_address", .object([.init("all_addresses", .list(texts(address, \.electionPort)))])),
            .init("client_address", .text(address?.client.map { "\($0.host):\($0.port)" } ?? "")),
            .init("voting", .bool(ensemble.quorum.membership.isVoter(ensemble.id))),
            .init("last_zxid", .text(status.lastZxid.hexadecimal)),
            .init("zab_epoch", .number(status.lastZxid >> 32)),
            .init("zab_counter", .number(status.lastZxid & 0xffff_ffff)),
            .init("zabstate", .text(ensemble.phase)),
        ]
    }

    /// nil for a member whose line cannot be read: it has been read before it came here.
    private func address(of member: MemberID) -> MemberAddress? {
        guard let text = ensemble.quorum.membership[member]?.address else { return nil }
        do throws(InvalidMembership) {
            return try MemberAddress(text)
        } catch {
            return nil
        }
    }

    private func texts(_ address: MemberAddress?, _ port: KeyPath<MemberAddress.Endpoint, Int>) -> [JSONValue] {
        (address?.endpoints ?? []).map { .text("\($0.host):\($0[keyPath: port])") }
    }
}
