import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Seams
import Testing

@testable import Groups

/// A heartbeat of the new protocol as tests say it.
struct Beat {
    var group = "flights"
    var memberID = "a"
    var epoch: Int32 = 0
    var instanceID: String?
    var version: Int16 = 1
    var topics: [String]?
    var pattern: String?
    var assignor: String?
    var rebalanceTimeoutMs: Int32 = -1
    var owned: PartitionSet?

    /// The first heartbeat of a member: it says everything.
    static func joining(
        _ memberID: String = "a", topics: [String]? = ["orders"], pattern: String? = nil, instanceID: String? = nil,
        assignor: String? = nil
    ) -> Beat {
        Beat(
            memberID: memberID, instanceID: instanceID, topics: topics, pattern: pattern, assignor: assignor,
            rebalanceTimeoutMs: 60_000, owned: PartitionSet())
    }

    var request: ConsumerGroupHeartbeatRequest {
        var request = ConsumerGroupHeartbeatRequest()
        request.groupId = group
        request.memberId = memberID
        request.memberEpoch = epoch
        request.instanceId = instanceID
        request.subscribedTopicNames = topics
        request.subscribedTopicRegex = pattern
        request.serverAssignor = assignor
        request.rebalanceTimeoutMs = rebalanceTimeoutMs
        request.topicPartitions = owned.map { owned in
            owned.sorted.map { topic, partitions in
                var told = ConsumerGroupHeartbeatRequest.TopicPartitions()
                told.topicId = topic
                told.partitions = partitions
                return told
            }
        }
        return request
    }
}

extension ConsumerGroupHeartbeatResponse {
    var error: ErrorCode { ErrorCode(rawValue: errorCode) }

    /// nil when it tells of none.
    var partitions: PartitionSet? {
        assignment.map { PartitionSet($0.topicPartitions.map { ($0.topicId, $0.partitions) }) }
    }
}

/// The id of a topic of tests.
func topicID(_ name: String) -> KafkaUUID {
    KafkaUUID(high: 7, low: name.utf8.reduce(17) { $0 &* 31 &+ UInt64($1) })
}

func partitions(_ topics: [String: [Int32]]) -> PartitionSet {
    PartitionSet(topics.map { (topicID($0.key), $0.value) })
}

extension GroupBench {
    var consumers: ConsumerGroup? { registry.hard.entries["flights"]?.consumers }

    mutating func setTopics(_ counts: [String: Int32]) {
        var catalog = registry.catalog
        for name in catalog.topics.keys { if counts[name] == nil { catalog[name] = nil } }
        for (name, count) in counts { catalog[name] = CatalogedTopic(id: topicID(name), partitionCount: count) }
        perform(.topicsChanged(catalog))
    }

    @discardableResult
    mutating func beat(_ beat: Beat, hidden: Set<String> = []) -> ConsumerGroupHeartbeatResponse {
        let ticket = newTicket()
        let client = JoiningClient(ticket: ticket, version: beat.version, clientID: "client", host: "/127.0.0.1")
        perform(.consumerHeartbeatReceived(beat.request, client, hidden: hidden))
        guard case .consumerHeartbeat(let response) = replies[ticket] else {
            Issue.record("a heartbeat was not answered at once")
            return ConsumerGroupHeartbeatResponse()
        }
        return response
    }

    /// A heartbeat of a member that is there, by which it says what it owns.
    @discardableResult
    mutating func beat(
        _ memberID: String, _ epoch: Int32, owned: PartitionSet? = nil, instanceID: String? = nil
    ) -> ConsumerGroupHeartbeatResponse {
        beat(Beat(memberID: memberID, epoch: epoch, instanceID: instanceID, owned: owned))
    }
}
