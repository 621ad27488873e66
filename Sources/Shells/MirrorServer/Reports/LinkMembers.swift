import ClusterModel
import MartletClient
import Mirroring
import WireCoding

/// The processes that share a link, as the group at its target has them.
enum LinkMembers {
    /// By name. Nobody where no such group ever was.
    static func all(of link: String, at target: KafkaClient) async throws -> [LinkStatusReport.Member] {
        let administrator = Administrator(target)
        // Asking a cluster without groups would make it create its topic of them.
        if try await administrator.topics([InternalTopic.ofGroups]).isEmpty { return [] }
        let group = try await administrator.describeGroup(LinkGroup.name(of: link))
        return try group.members.map { member in
            let share = member.memberAssignment.readableBytes == 0 ? nil : try WorkShare(member.memberAssignment)
            let partitions = share?.partitions ?? [:]
            return LinkStatusReport.Member(
                name: member.groupInstanceId ?? member.memberId, host: member.clientHost,
                hasDuties: share?.hasDuties ?? false, partitions: partitions.keys.sorted().map { "\($0)" },
                bytesPerSecond: partitions.values.reduce(0, +))
        }
        .sorted { $0.name < $1.name }
    }
}
