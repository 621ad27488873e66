import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import WireCoding

/// Groups with their members, of the classic protocol and of the new one (KIP-848), which brokers describe apart.
extension Administrator {
    package struct GroupDescription: Sendable {
        package struct Member: Sendable {
            package var id: String
            package var clientID: String
            package var host: String
            /// What it reads, in order; none where that is not told in a way known here.
            package var partitions: [TopicPartition]
        }

        /// `classic` or `consumer`.
        package var type: String
        package var state: String
        package var members: [Member]
    }

    /// One group of either protocol; nil when there is none.
    package func describeAnyGroup(_ name: String) async throws -> GroupDescription? {
        let classic = try await describeGroup(name)
        if classic.groupState != "Dead" { return GroupDescription(classic) }
        return try await describeConsumerGroup(name).map(GroupDescription.init)
    }

    /// Whether a group has no members, so that its positions are nobody's at work.
    package func isAtRest(_ group: String) async throws -> Bool {
        do {
            guard let described = try await describeAnyGroup(group) else { return true }
            return ["Empty", ""].contains(described.state)
        } catch let fault as ClientFault where fault.code == .topicAuthorizationFailed {
            // It is not told because of what its members read: so it has some.
            return false
        }
    }

    /// A group of the new protocol with its members; nil when there is none, or brokers do not know that protocol.
    private func describeConsumerGroup(
        _ name: String
    ) async throws -> ConsumerGroupDescribeResponse.DescribedGroup? {
        var request = ConsumerGroupDescribeRequest()
        request.groupIds = [name]
        do {
            return try await client.retrying { [request] in
                let answer = try await client.send(request, to: .groupCoordinator(name))
                guard let group = answer.groups.first else {
                    throw ClientFault(.malformed, "no answer for group \(name)")
                }
                try ClientFault.check(group.errorCode, "group \(name)", group.errorMessage)
                return group
            }
        } catch let fault as ClientFault
            where fault.kind == .unsupported || fault.code == .groupIdNotFound || fault.code == .unsupportedVersion
        {
            return nil
        }
    }
}

extension Administrator.GroupDescription {
    fileprivate init(_ group: DescribeGroupsResponse.DescribedGroup) {
        type = "classic"
        state = group.groupState
        members = group.members.map { member in
            let assignment = group.protocolType == "consumer" ? member.memberAssignment : ByteBuffer()
            return Member(
                id: member.memberId, clientID: member.clientId, host: member.clientHost,
                partitions: Self.partitions(ofConsumer: assignment))
        }
    }

    fileprivate init(_ group: ConsumerGroupDescribeResponse.DescribedGroup) {
        type = "consumer"
        state = group.groupState
        members = group.members.map { member in
            let partitions = member.assignment.topicPartitions.flatMap { topic in
                topic.partitions.map { TopicPartition(topic: topic.topicName, partition: $0) }
            }
            return Member(
                id: member.memberId, clientID: member.clientId, host: member.clientHost,
                partitions: partitions.sorted())
        }
    }

    /// What consumers of the classic protocol are assigned; none where it makes no sense, for any client may have written
    /// it.
    private static func partitions(ofConsumer assignment: ByteBuffer) -> [TopicPartition] {
        guard assignment.readableBytes > 0 else { return [] }
        do throws(MalformedInput) {
            let read = try WireReader.read(assignment) { reader throws(MalformedInput) in
                let version = try reader.int16()
                let known = min(version, ConsumerProtocolAssignment.validVersions.upperBound)
                return try ConsumerProtocolAssignment(reading: &reader, version: known)
            }
            return read.assignedPartitions.flatMap { topic in
                topic.partitions.map { TopicPartition(topic: topic.topic, partition: $0) }
            }.sorted()
        } catch {
            return []
        }
    }
}
