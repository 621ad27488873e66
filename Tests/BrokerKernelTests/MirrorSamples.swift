import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import NIOCore
import Records
import Testing

/// The link of the mirror topics in tests.
let link = "west->east"

/// A batch as it stands in a log.
func placed(
    _ values: [String], at offset: Offset, epoch: LeaderEpoch = 7, producer: ProducerID = -1,
    producerEpoch: Int16 = -1, sequence: Int32 = -1, isTransactional: Bool = false, stampedByBroker: Bool = false
) -> ByteBuffer {
    var builder = RecordBatchBuilder()
    builder.baseOffset = offset
    builder.leaderEpoch = epoch
    builder.producerID = producer
    builder.producerEpoch = producerEpoch
    builder.baseSequence = sequence
    builder.attributes.isTransactional = isTransactional
    if stampedByBroker { builder.attributes.timestampType = .logAppendTime }
    for value in values {
        builder.append(timestamp: 1_700_000_000_000 &+ offset, key: nil, value: ByteBuffer(string: value))
    }
    return builder.finish()
}

/// A control batch that ends a producer's transaction.
func marker(
    isCommit: Bool, at offset: Offset, producer: ProducerID, producerEpoch: Int16, coordinatorEpoch: Int32 = 0
) -> ByteBuffer {
    var builder = RecordBatchBuilder()
    builder.baseOffset = offset
    builder.leaderEpoch = 7
    builder.producerID = producer
    builder.producerEpoch = producerEpoch
    builder.attributes.isTransactional = true
    builder.attributes.isControl = true
    let (key, value) = ControlRecord.endTransactionMarker(isCommit: isCommit, coordinatorEpoch: coordinatorEpoch)
    builder.append(timestamp: 1_700_000_000_000 &+ offset, key: key, value: value)
    return builder.finish()
}

func joined(_ batches: [ByteBuffer]) -> ByteBuffer {
    var all = ByteBuffer()
    for batch in batches { all.writeImmutableBuffer(batch) }
    return all
}

extension BrokerBench {
    typealias MirroredPartition = MirrorAppendRequest.MirroredPartition
    typealias MirroredPartitionResult = MirrorAppendResponse.MirroredPartitionResult

    /// Makes a topic that is already mirrored.
    func createMirrorTopic(
        _ name: String, homeEpoch: Int32 = 0, configs: [String: String] = [:]
    ) throws {
        try createTopic(name, configs: configs)
        try setStanding(of: name, .mirroring, homeEpoch: homeEpoch)
    }

    func setStanding(of topic: String, _ state: MirrorStanding.State, homeEpoch: Int32 = 0) throws {
        let standing = MirrorStanding(
            state: state, link: link, sourceClusterID: "cluster-in-the-west-0", homeEpoch: homeEpoch)
        try changeImage { image in
            image.updateTopic(topic) { $0.configs = standing.settings(in: $0.configs) }
        }
    }

    func mirrorRequest(
        _ records: ByteBuffer?, to topic: String, end: Offset, start: Offset = 0, homeEpoch: Int32 = 0,
        link name: String = link
    ) -> MirrorAppendRequest {
        var data = MirroredPartition()
        data.homeEpoch = homeEpoch
        data.expectedEndOffset = end
        data.logStartOffset = start
        data.records = records.map { .inMemory($0) }
        var part = MirrorAppendRequest.MirroredTopic()
        part.topicId = image.topics[topic]?.id ?? .zero
        part.partitions = [data]
        var request = MirrorAppendRequest()
        request.linkName = name
        request.timeoutMs = 1000
        request.topics = [part]
        return request
    }

    @discardableResult
    func mirror(
        _ records: ByteBuffer?, to topic: String, end: Offset, start: Offset = 0, homeEpoch: Int32 = 0,
        link name: String = link
    ) throws -> MirroredPartitionResult {
        let request = mirrorRequest(records, to: topic, end: end, start: start, homeEpoch: homeEpoch, link: name)
        return try #require(try call(request).topics.first?.partitions.first)
    }

    /// The fetch of a follower that has all before `offset`.
    func followerFetch(_ topic: String, by broker: BrokerID, from offset: Offset) -> FetchRequest {
        var request = fetchRequest(topic, from: offset, maxWait: 0)
        request.replicaState.replicaId = broker.value
        request.topics[0].partitions[0].currentLeaderEpoch = image.topics[topic]?.partitions[0].leaderEpoch ?? -1
        request.topics[0].partitions[0].lastFetchedEpoch = request.topics[0].partitions[0].currentLeaderEpoch
        return request
    }

    /// All bytes of a partition from `offset` on, as a fetch gives them.
    func bytes(in topic: String, from offset: Offset = 0) throws -> ByteBuffer {
        let response = try call(fetchRequest(topic, from: offset, maxWait: 0))
        guard case .inMemory(let bytes)? = response.responses.first?.partitions.first?.records else {
            return ByteBuffer()
        }
        return bytes
    }
}

extension ByteBuffer {
    /// The same batches with another leader epoch in their headers.
    func withLeaderEpoch(_ epoch: LeaderEpoch) throws -> ByteBuffer {
        var copy = ByteBuffer()
        copy.writeBytes(readableBytesView)
        var position = 0
        try copy.withUnsafeMutableReadableBytes { raw in
            while position < raw.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: raw[position...])
                let header = try RecordBatchHeader(reading: UnsafeRawBufferPointer(rest))
                BatchRewriting.setLeaderEpoch(epoch, of: rest)
                position += header.sizeInBytes
            }
        }
        return copy
    }
}

extension BrokerBench {
    /// What the broker tells links of topic t.
    func describedMirror(partitions: [Int32]) throws -> MirrorDescribeResponse.DescribedTopicResult {
        var topic = MirrorDescribeRequest.DescribedTopic()
        topic.name = "t"
        topic.partitions = partitions
        var request = MirrorDescribeRequest()
        request.topics = [topic]
        return try #require(try call(request).topics.first)
    }
}
