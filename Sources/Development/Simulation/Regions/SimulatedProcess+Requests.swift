import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolClusters
import KafkaProtocolGroups
import Mirroring
import NIOCore
import Records
import WireCoding

/// What processes ask of brokers, each question once: whoever asks tries again.
extension SimulatedProcess {
    static let offsetsPartition = TopicPartition(topic: "__consumer_offsets", partition: 0)

    // MARK: - Mirrors

    /// A partition as its leader sees it.
    struct Described {
        var topicID: KafkaUUID
        var link: String
        var sourceClusterID: String
        var told: MirrorDescribeResponse.DescribedPartitionResult

        var state: MirrorStanding.State { MirrorStanding.State(rawValue: told.state) ?? .fenced }
    }

    func describe(_ partition: TopicPartition, in region: Region) async throws -> Described {
        var topic = MirrorDescribeRequest.DescribedTopic()
        topic.name = partition.topic
        topic.partitions = [partition.partition]
        var request = MirrorDescribeRequest()
        request.topics = [topic]
        let response = try await ask(
            request, version: 0, to: region.leader(of: partition, for: self), in: region)
        guard let topic = response.topics.first, let told = topic.partitions.first else { throw Fault.nobody }
        try check(told.errorCode)
        return Described(
            topicID: topic.topicId, link: topic.linkName, sourceClusterID: topic.sourceClusterId, told: told)
    }

    /// Changes one topic at the controller.
    func alter(_ topic: MirrorAlterRequest.AlteredTopic, in region: Region) async throws {
        var request = MirrorAlterRequest()
        request.timeoutMs = 1000
        request.topics = [topic]
        let response = try await ask(request, version: 0, to: try region.controller(), in: region)
        guard let told = response.topics.first else { throw Fault.nobody }
        try check(told.errorCode, told.errorMessage)
    }

    /// A topic as its controller has it; nil when there is none.
    func standing(of topic: String, in region: Region) async throws -> StandingTopic? {
        let controller = try region.controller()
        var wanted = MetadataRequest.MetadataRequestTopic()
        wanted.name = topic
        var request = MetadataRequest()
        request.topics = [wanted]
        request.allowAutoTopicCreation = false
        let found = try await ask(request, version: 12, to: controller, in: region).topics.first
        guard let found, found.errorCode != ErrorCode.unknownTopicOrPartition.rawValue else { return nil }
        try check(found.errorCode)
        var resource = DescribeConfigsRequest.DescribeConfigsResource()
        resource.resourceType = 2
        resource.resourceName = topic
        resource.configurationKeys = nil
        var question = DescribeConfigsRequest()
        question.resources = [resource]
        let told = try await ask(question, version: 4, to: controller, in: region).results.first
        guard let told else { throw Fault.nobody }
        try check(told.errorCode, told.errorMessage)
        var settings: [String: String] = [:]
        // 1: set for the topic itself.
        for config in told.configs where config.configSource == 1 { settings[config.name] = config.value }
        return StandingTopic(id: found.topicId, partitionCount: Int32(found.partitions.count), settings: settings)
    }

    func delete(_ topic: String, in region: Region) async throws {
        var wanted = DeleteTopicsRequest.DeleteTopicState()
        wanted.name = topic
        var request = DeleteTopicsRequest()
        request.topics = [wanted]
        request.timeoutMs = 1000
        let response = try await ask(request, version: 6, to: try region.controller(), in: region)
        try check(response.responses.first?.errorCode ?? -1)
    }

    // MARK: - Logs

    /// What one partition gave to a fetch.
    func fetch(
        _ partition: TopicPartition, _ id: KafkaUUID, at offset: Offset, epoch: LeaderEpoch = -1, waiting: Int32 = 0,
        bytes: Int32 = 1, in region: Region
    ) throws -> Call<FetchResponse> {
        var wanted = FetchRequest.FetchPartition()
        wanted.partition = partition.partition
        wanted.currentLeaderEpoch = epoch
        wanted.fetchOffset = offset
        wanted.partitionMaxBytes = bytes
        var topic = FetchRequest.FetchTopic()
        topic.topicId = id
        topic.partitions = [wanted]
        var request = FetchRequest()
        request.maxWaitMs = waiting
        request.minBytes = 1
        request.maxBytes = 1 << 20
        request.sessionEpoch = -1
        request.topics = [topic]
        return call(request, version: 13, to: try region.leader(of: partition, for: self), in: region)
    }

    /// The first batch that ends behind `offset`; nil when there is none, or the offset is not in the log.
    func batch(
        of partition: TopicPartition, _ id: KafkaUUID, at offset: Offset, in region: Region
    ) async throws -> (batch: RecordBatch?, highWatermark: Offset) {
        let (batches, highWatermark) = try await batches(of: partition, id, at: offset, bytes: 1, in: region)
        return (batches.first, highWatermark)
    }

    /// Batches that end behind `offset`, at least one if there is any, and not many more bytes than that.
    /// - Parameter epoch: refuses what leaders of another epoch have; -1 takes it from any.
    private func batches(
        of partition: TopicPartition, _ id: KafkaUUID, at offset: Offset, epoch: LeaderEpoch = -1, bytes: Int32,
        in region: Region
    ) async throws -> (batches: [RecordBatch], highWatermark: Offset) {
        let response = try await fetch(partition, id, at: offset, epoch: epoch, bytes: bytes, in: region).value
        try check(response.errorCode)
        guard let told = response.responses.first?.partitions.first else { throw Fault.nobody }
        if told.errorCode == ErrorCode.offsetOutOfRange.rawValue { return ([], told.highWatermark) }
        try check(told.errorCode)
        guard case .inMemory(let records)? = told.records else { return ([], told.highWatermark) }
        var found: [RecordBatch] = []
        var batches = RecordBatches(records)
        while let batch = try batches.next() {
            if batch.header.nextOffset > offset { found.append(batch) }
        }
        return (found, told.highWatermark)
    }

    /// Some batches that end behind `offset`; nil when there is none, or the offset is not in the log.
    /// - Parameter epoch: refuses what leaders of another epoch have; -1 takes it from any.
    func read(
        _ partition: TopicPartition, _ id: KafkaUUID, from offset: Offset, epoch: LeaderEpoch = -1, bytes: Int32,
        in region: Region
    ) async throws -> [RecordBatch]? {
        let found = try await batches(of: partition, id, at: offset, epoch: epoch, bytes: bytes, in: region).batches
        return found.isEmpty ? nil : found
    }

    func logStart(of partition: TopicPartition, in region: Region) async throws -> Offset {
        var wanted = ListOffsetsRequest.ListOffsetsPartition()
        wanted.partitionIndex = partition.partition
        wanted.timestamp = -2
        var topic = ListOffsetsRequest.ListOffsetsTopic()
        topic.name = partition.topic
        topic.partitions = [wanted]
        var request = ListOffsetsRequest()
        request.replicaId = -1
        request.topics = [topic]
        let response = try await ask(
            request, version: 7, to: region.leader(of: partition, for: self), in: region)
        guard let told = response.topics.first?.partitions.first else { throw Fault.nobody }
        try check(told.errorCode)
        return told.offset
    }

    /// Where an epoch and all before it end (KIP-101), asked of who leads in epoch `current`; nil for one that is not known
    /// there.
    func end(
        of epoch: LeaderEpoch, _ partition: TopicPartition, ledIn current: LeaderEpoch, in region: Region
    ) async throws -> Offset? {
        var wanted = OffsetForLeaderEpochRequest.OffsetForLeaderPartition()
        wanted.partition = partition.partition
        wanted.currentLeaderEpoch = current
        wanted.leaderEpoch = epoch
        var topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic()
        topic.topic = partition.topic
        topic.partitions = [wanted]
        var request = OffsetForLeaderEpochRequest()
        request.replicaId = -2
        request.topics = [topic]
        let response = try await ask(
            request, version: 4, to: region.leader(of: partition, for: self), in: region)
        guard let told = response.topics.first?.partitions.first else { throw Fault.nobody }
        try check(told.errorCode)
        return told.endOffset < 0 ? nil : told.endOffset
    }

    /// The digest of committed batches that begin in a range.
    func digest(_ partition: TopicPartition, _ range: Range<Offset>, in region: Region) async throws -> RangeDigest {
        var wanted = LogDigestRequest.DigestedPartition()
        wanted.index = partition.partition
        wanted.from = range.lowerBound
        wanted.to = range.upperBound
        var topic = LogDigestRequest.DigestedTopic()
        topic.name = partition.topic
        topic.partitions = [wanted]
        var request = LogDigestRequest()
        request.topics = [topic]
        let response = try await ask(
            request, version: 0, to: region.leader(of: partition, for: self), in: region)
        guard let told = response.topics.first?.partitions.first else { throw Fault.nobody }
        try check(told.errorCode)
        let sum = UInt128(UInt64(bitPattern: told.digestHigh)) << 64 | UInt128(UInt64(bitPattern: told.digestLow))
        let digest = RangeDigest(batches: told.batches, records: told.records, bytes: told.bytes, sum: sum)
        return told.to < range.upperBound
            ? digest + (try await self.digest(partition, told.to..<range.upperBound, in: region)) : digest
    }

    /// Appends a batch with acks=all. Returns where it begins.
    func produce(_ batch: ByteBuffer, to partition: TopicPartition, in region: Region) async throws -> Offset {
        var data = ProduceRequest.PartitionProduceData()
        data.index = partition.partition
        data.records = .inMemory(batch)
        var topic = ProduceRequest.TopicProduceData()
        topic.name = partition.topic
        topic.partitionData = [data]
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = 1500
        request.topicData = [topic]
        let response = try await ask(
            request, version: 9, to: region.leader(of: partition, for: self), in: region)
        guard let told = response.responses.first?.partitionResponses.first else { throw Fault.nobody }
        try check(told.errorCode, told.errorMessage)
        return told.baseOffset
    }

    func deleteRecords(of partition: TopicPartition, before offset: Offset, in region: Region) async throws {
        var wanted = DeleteRecordsRequest.DeleteRecordsPartition()
        wanted.partitionIndex = partition.partition
        wanted.offset = offset
        var topic = DeleteRecordsRequest.DeleteRecordsTopic()
        topic.name = partition.topic
        topic.partitions = [wanted]
        var request = DeleteRecordsRequest()
        request.topics = [topic]
        request.timeoutMs = 1000
        let response = try await ask(
            request, version: 2, to: region.leader(of: partition, for: self), in: region)
        try check(response.topics.first?.partitions.first?.errorCode ?? 0)
    }

    // MARK: - Groups

    /// What a group has committed.
    func committed(
        by group: String, in region: Region
    ) async throws -> [TopicPartition: Offset] {
        var request = OffsetFetchRequest()
        request.groupId = group
        request.topics = nil
        let response = try await ask(
            request, version: 7, to: region.leader(of: Self.offsetsPartition, for: self), in: region)
        try check(response.errorCode)
        var offsets: [TopicPartition: Offset] = [:]
        for topic in response.topics {
            for told in topic.partitions where told.committedOffset >= 0 {
                try check(told.errorCode)
                offsets[TopicPartition(topic: topic.name, partition: told.partitionIndex)] = told.committedOffset
            }
        }
        return offsets
    }

    func commit(_ offsets: [TopicPartition: Offset], of group: String, in region: Region) async throws {
        var request = OffsetCommitRequest()
        request.groupId = group
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            var entry = OffsetCommitRequest.OffsetCommitRequestPartition()
            entry.partitionIndex = partition.partition
            entry.committedOffset = offset
            var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
            topic.name = partition.topic
            topic.partitions = [entry]
            request.topics.append(topic)
        }
        let response = try await ask(
            request, version: 8, to: region.leader(of: Self.offsetsPartition, for: self), in: region)
        for topic in response.topics { for told in topic.partitions { try check(told.errorCode) } }
    }
}
