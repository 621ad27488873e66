import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups

/// What can be asked of the groups of one partition. An answer may rest on records that are not committed yet; it
/// waits like any other reply.
extension GroupRegistry {
    /// The offsets of a group; of all its partitions when `topics` is nil.
    ///
    /// - Parameter requireStable: refuse partitions whose offset a transaction under way may change (KIP-447).
    package func committedOffsets(
        of group: String, topics: [OffsetFetchRequest.OffsetFetchRequestTopics]?,
        requireStable: Bool
    ) -> [OffsetFetchResponse.OffsetFetchResponseTopics] {
        typealias Topic = OffsetFetchResponse.OffsetFetchResponseTopics
        let entry = hard.entries[group]
        func answer(_ name: String, _ partitions: [Int32]) -> Topic {
            var topic = Topic()
            topic.name = name
            topic.partitions = partitions.map { index in
                let partition = TopicPartition(topic: name, partition: index)
                var one = OffsetFetchResponse.OffsetFetchResponsePartitions()
                one.partitionIndex = index
                one.committedOffset = -1
                one.metadata = ""
                if requireStable, let entry, entry.isUndecided(partition) {
                    one.errorCode = ErrorCode.unstableOffsetCommit.rawValue
                } else if let committed = entry?.offsets[partition] {
                    one.committedOffset = committed.offset
                    one.committedLeaderEpoch = committed.leaderEpoch
                    one.metadata = committed.metadata
                }
                return one
            }
            return topic
        }
        if let topics { return topics.map { answer($0.name, $0.partitionIndexes) } }
        let known = Dictionary(grouping: (entry?.offsets ?? [:]).keys.sorted(), by: \.topic)
        return known.sorted { $0.key < $1.key }.map { answer($0.key, $0.value.map(\.partition)) }
    }

    /// Why a member with that epoch is not told its group's offsets (KIP-848); nil when it is.
    package func refusalToTell(_ group: String, memberID: String?, memberEpoch: Int32) -> ErrorCode? {
        consumerGroup(group)?.refusalToTell(memberID, memberEpoch)
    }

    /// One group of the classic protocol as it is now; any other is `Dead`.
    package func description(of group: String) -> DescribeGroupsResponse.DescribedGroup {
        var described = DescribeGroupsResponse.DescribedGroup()
        described.groupId = group
        guard exists(group), consumerGroup(group) == nil else {
            described.groupState = "Dead"
            return described
        }
        guard let live = liveGroup(group) else {
            described.groupState = GroupState.empty.rawValue
            return described
        }
        described.groupState = live.state.rawValue
        described.protocolType = live.protocolType ?? ""
        let isStable = live.state == .stable
        if isStable { described.protocolData = live.protocolName ?? "" }
        described.members = live.membersInOrder.map { member in
            var told = DescribeGroupsResponse.DescribedGroupMember()
            told.memberId = member.id
            told.groupInstanceId = member.instanceID
            told.clientId = member.clientID
            told.clientHost = member.clientHost
            if isStable {
                told.memberMetadata = member.metadata(for: live.protocolName)
                told.memberAssignment = member.assignment
            }
            return told
        }
        return described
    }

    /// All groups, sorted by name, whose state and type are among those asked for; an empty list asks for all. Case
    /// does not matter.
    package func listing(states: [String], types: [String]) -> [ListGroupsResponse.ListedGroup] {
        let states = Set(states.map { $0.lowercased() })
        let types = Set(types.map { $0.lowercased() })
        return Set(hard.entries.keys).union(liveGroupIDs).sorted().compactMap { group in
            let listed = listed(group)
            guard states.isEmpty || states.contains(listed.groupState.lowercased()),
                types.isEmpty || types.contains(listed.groupType)
            else { return nil }
            return listed
        }
    }

    private func listed(_ group: String) -> ListGroupsResponse.ListedGroup {
        var listed = ListGroupsResponse.ListedGroup()
        listed.groupId = group
        if let consumers = consumerGroup(group) {
            listed.protocolType = ConsumerSubscription.protocolType
            listed.groupState = consumers.state.rawValue
            listed.groupType = "consumer"
        } else {
            let live = liveGroup(group)
            listed.protocolType = live?.protocolType ?? ""
            listed.groupState = (live?.state ?? .empty).rawValue
            listed.groupType = "classic"
        }
        return listed
    }
}
