import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import Seams
import WireCoding

/// A member of a group of the new protocol (KIP-848): it reads what the coordinator tells it to.
struct ClusterMember {
    /// As long as this it may read without an answer of the coordinator.
    static let session = Duration.seconds(5)

    let client: Int
    /// How often it has died.
    var lives = 0
    var epoch: Int32 = 0
    /// Its partitions of the topic.
    var reading: Set<Int32> = []
    /// When the request was sent that the coordinator answered last; nil before it has joined.
    var heardAt: Instant?
    /// Whether it has to say all again, because it does not know what was heard of what it said.
    var saysAll = true
    var sentAt = Instant.never
    var target = BrokerID(0)
    /// The epoch in which `target` led when the request under way was sent; nil when it did not.
    var targetEpoch: LeaderEpoch?
    var awaited: UInt64?

    var name: String { "member-\(client)-\(lives)" }

    init(client: Int) { self.client = client }

    /// What it reads unless its session has ended, and others may have been given it.
    func reads(at now: Instant) -> Set<Int32> {
        guard let heardAt, now - heardAt < Self.session else { return [] }
        return reading
    }

    mutating func abandon() {
        epoch = 0
        reading = []
        heardAt = nil
        saysAll = true
    }

    mutating func die() {
        lives += 1
        abandon()
    }
}

/// Members of a group: no partition is ever read by two of them, whoever coordinates them and forgets what.
extension ClusterRun {
    private static let offsets = TopicPartition(topic: "__consumer_offsets", partition: 0)

    func act(_ place: Int) {
        if members[place].reads(at: world.now).isEmpty, members[place].heardAt != nil { members[place].abandon() }
        if !isQuiet, Int.random(in: 0..<15, using: &random) == 0 {
            world.note("\(members[place].name) dies")
            members[place].die()
        }
        let target = target(Self.offsets)
        let partition = world.tree.image.partition(Self.offsets)
        members[place].target = target
        members[place].targetEpoch = partition?.leader == target ? partition?.leaderEpoch : nil
        members[place].sentAt = world.now
        members[place].awaited = send(request(of: members[place]), version: 1, from: members[place].client, to: target)
    }

    private func request(of member: ClusterMember) -> ConsumerGroupHeartbeatRequest {
        var request = ConsumerGroupHeartbeatRequest()
        request.groupId = "members"
        request.memberId = member.name
        request.memberEpoch = member.epoch
        if member.saysAll {
            request.rebalanceTimeoutMs = 30_000
            request.subscribedTopicNames = [membersTopic.name]
        }
        var owned = ConsumerGroupHeartbeatRequest.TopicPartitions()
        owned.topicId = membersTopic.id
        owned.partitions = member.reading.sorted()
        request.topicPartitions = owned.partitions.isEmpty ? [] : [owned]
        return request
    }

    func takeAssignment(_ reply: ByteBuffer?, _ place: Int) throws {
        let member = members[place]
        let partition = world.tree.image.partition(Self.offsets)
        guard let reply, let epoch = member.targetEpoch, partition?.leaderEpoch == epoch,
            partition?.leader == member.target
        else {
            // A coordinator that was deposed and does not know it tells what it knows, as Apache Kafka's does.
            return members[place].saysAll = true
        }
        let response: ConsumerGroupHeartbeatResponse = try body(reply, headerVersion: 1, 1)
        switch ErrorCode(rawValue: response.errorCode) {
        case .none:
            members[place].heardAt = member.sentAt
            members[place].epoch = response.memberEpoch
            members[place].saysAll = false
            guard let told = response.assignment else { return }
            members[place].reading = Set(told.topicPartitions.flatMap(\.partitions))
            acknowledgedCount += 1
            world.note("\(member.name) reads \(members[place].reading.sorted()) in epoch \(response.memberEpoch)")
            checkReaders(place)
        case .fencedMemberEpoch, .unknownMemberId, .groupIdNotFound: members[place].abandon()
        case .notCoordinator, .coordinatorLoadInProgress, .coordinatorNotAvailable: members[place].saysAll = true
        default: world.violate("\(member.name) is told \(ErrorCode(rawValue: response.errorCode))")
        }
    }

    private func checkReaders(_ place: Int) {
        for other in members.indices where other != place {
            let both = members[place].reads(at: world.now).intersection(members[other].reads(at: world.now))
            for index in both.sorted() {
                world.violate(
                    "\(membersTopic.name)-\(index) is read by \(members[place].name) and \(members[other].name)")
            }
        }
    }

    /// When all is well each partition is read by somebody.
    func checkMembers() {
        guard !members.isEmpty else { return }
        var reading: Set<Int32> = []
        for member in members { reading.formUnion(member.reads(at: world.now)) }
        if reading != Set(0..<membersTopic.partitionCount) {
            world.violate("of \(membersTopic.name) members read \(reading.sorted()) only")
        }
        let epochs = Set(members.map(\.epoch))
        if epochs.count != 1 { world.violate("members rest in epochs \(epochs.sorted())") }
    }
}
