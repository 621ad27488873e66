import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import WireCoding

/// Groups whose members commit offsets: what was acknowledged, or told once, never goes back.
extension ClusterRun {
    private static let offsets = TopicPartition(topic: "__consumer_offsets", partition: 0)

    func commit(_ place: Int) {
        let committer = committers[place]
        let target = target(Self.offsets)
        let partition = world.tree.image.partition(Self.offsets)
        committers[place].target = target
        committers[place].targetEpoch = partition?.leader == target ? partition?.leaderEpoch : nil
        committers[place].knownBefore = committer.known
        if isQuiet || Int.random(in: 0..<2, using: &random) == 0 {
            committers[place].committing = nil
            var topic = OffsetFetchRequest.OffsetFetchRequestTopic()
            topic.name = "t"
            topic.partitionIndexes = [0]
            var request = OffsetFetchRequest()
            request.groupId = committer.group
            request.topics = [topic]
            committers[place].awaited = send(request, version: 7, from: committer.client, to: target)
        } else {
            committers[place].sent += 1
            committers[place].committing = committers[place].sent
            var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
            partition.committedOffset = committers[place].sent
            var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
            topic.name = "t"
            topic.partitions = [partition]
            var request = OffsetCommitRequest()
            request.groupId = committer.group
            request.topics = [topic]
            committers[place].awaited = send(request, version: 8, from: committer.client, to: target)
        }
    }

    func takeCommitted(_ reply: ByteBuffer, _ place: Int) throws {
        let committer = committers[place]
        if let offset = committer.committing {
            let response: OffsetCommitResponse = try body(reply, headerVersion: 1, 8)
            guard response.topics.first?.partitions.first?.errorCode == 0 else { return }
            world.note("\(committer.group) has committed \(offset)")
            acknowledgedCount += 1
            committers[place].known = max(committer.known, offset)
            return
        }
        let response: OffsetFetchResponse = try body(reply, headerVersion: 1, 7)
        guard response.errorCode == 0, let told = response.topics.first?.partitions.first, told.errorCode == 0 else {
            return
        }
        // A coordinator that was deposed and does not know it tells what it knows, as Apache Kafka's does.
        let partition = world.tree.image.partition(Self.offsets)
        guard let epoch = committer.targetEpoch, partition?.leaderEpoch == epoch, partition?.leader == committer.target
        else { return }
        if told.committedOffset < committer.knownBefore || told.committedOffset > committer.sent {
            world.violate(
                "\(committer.group) is at \(told.committedOffset), and was at \(committer.knownBefore); it has sent up "
                    + "to \(committer.sent)")
        }
        committers[place].known = max(committer.known, told.committedOffset)
    }
}
