import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import NIOCore
import Records
import Testing
import WireCoding

/// A batch as a producer sends it, one record a value, stamped a millisecond apart; with `offset` as it stands in a log.
func batch(
    _ values: [String], from timestamp: Int64 = 1_700_000_000_000, producer: ProducerID = -1, epoch: Int16 = -1,
    sequence: Int32 = -1, at offset: Offset = 0, isTransactional: Bool = false
) -> ByteBuffer {
    var builder = RecordBatchBuilder(attributes: BatchAttributes(isTransactional: isTransactional))
    builder.baseOffset = offset
    builder.producerID = producer
    builder.producerEpoch = epoch
    builder.baseSequence = sequence
    for (place, value) in values.enumerated() {
        builder.append(timestamp: timestamp + Int64(place), key: nil, value: ByteBuffer(string: value))
    }
    return builder.finish()
}

/// A batch of one record with a key.
func keyed(_ key: String, _ value: String) -> ByteBuffer {
    var builder = RecordBatchBuilder()
    builder.append(timestamp: 1_700_000_000_000, key: ByteBuffer(string: key), value: ByteBuffer(string: value))
    return builder.finish()
}

extension ErrorCode {
    static func of(_ rawValue: Int16) -> ErrorCode { ErrorCode(rawValue: rawValue) }
}

extension BrokerBench {
    @discardableResult
    func createTopic(
        _ name: String, partitions: Int32 = 1, configs: [String: String] = [:], validateOnly: Bool = false
    ) throws -> CreateTopicsResponse.CreatableTopicResult {
        var topic = CreateTopicsRequest.CreatableTopic()
        topic.name = name
        topic.numPartitions = partitions
        topic.replicationFactor = 1
        topic.configs = configs.map { key, value in
            var config = CreateTopicsRequest.CreatableTopicConfig()
            config.name = key
            config.value = value
            return config
        }
        var request = CreateTopicsRequest()
        request.topics = [topic]
        request.timeoutMs = 1000
        request.validateOnly = validateOnly
        return try #require(try call(request).topics.first)
    }

    func deleteTopic(_ name: String) throws -> ErrorCode {
        var topic = DeleteTopicsRequest.DeleteTopicState()
        topic.name = name
        var request = DeleteTopicsRequest()
        request.topics = [topic]
        request.timeoutMs = 1000
        return .of(try #require(try call(request).responses.first).errorCode)
    }

    func produceRequest(_ records: ByteBuffer, to topic: String, _ partition: Int32, acks: Int16) -> ProduceRequest {
        var data = ProduceRequest.PartitionProduceData()
        data.index = partition
        data.records = .inMemory(records)
        var part = ProduceRequest.TopicProduceData()
        part.name = topic
        part.partitionData = [data]
        var request = ProduceRequest()
        request.acks = acks
        request.timeoutMs = 1000
        request.topicData = [part]
        return request
    }

    @discardableResult
    func produce(
        _ records: ByteBuffer, to topic: String, _ partition: Int32 = 0, acks: Int16 = -1
    ) throws -> ProduceResponse.PartitionProduceResponse {
        let response = try call(produceRequest(records, to: topic, partition, acks: acks))
        return try #require(response.responses.first?.partitionResponses.first)
    }

    func deleteRecords(
        before offset: Offset, in topic: String = "t", _ partition: Int32 = 0
    ) throws -> DeleteRecordsResponse.DeleteRecordsPartitionResult {
        let response = try call(Self.deletion(before: offset, in: topic, partition))
        return try #require(response.topics.first?.partitions.first)
    }

    static func deletion(
        before offset: Offset, in topic: String = "t", _ partition: Int32 = 0
    ) -> DeleteRecordsRequest {
        var part = DeleteRecordsRequest.DeleteRecordsPartition()
        part.partitionIndex = partition
        part.offset = offset
        var wanted = DeleteRecordsRequest.DeleteRecordsTopic()
        wanted.name = topic
        wanted.partitions = [part]
        var request = DeleteRecordsRequest()
        request.topics = [wanted]
        request.timeoutMs = 1000
        return request
    }

    /// A fetch of the whole partition in no session.
    func fetchRequest(
        _ topic: String, _ partition: Int32 = 0, from offset: Offset, minBytes: Int32 = 1, maxWait: Int32 = 500,
        maxBytes: Int32 = 1 << 20
    ) -> FetchRequest {
        var part = FetchRequest.FetchPartition()
        part.partition = partition
        part.fetchOffset = offset
        part.partitionMaxBytes = maxBytes
        var wanted = FetchRequest.FetchTopic()
        wanted.topic = topic
        wanted.topicId = image.topics[topic]?.id ?? .zero
        wanted.partitions = [part]
        var request = FetchRequest()
        request.minBytes = minBytes
        request.maxWaitMs = maxWait
        request.topics = [wanted]
        return request
    }

    func values(in topic: String, _ partition: Int32 = 0, from offset: Offset = 0) throws -> [String] {
        let response = try call(fetchRequest(topic, partition, from: offset, maxWait: 0))
        let part = try #require(response.responses.first?.partitions.first)
        #expect(ErrorCode.of(part.errorCode) == .none)
        return try part.values()
    }

    /// The values of all records of a topic's first partition, fetched segment by segment.
    func allValues(in topic: String, from offset: Offset = 0) throws -> [String] {
        var (values, next): ([String], Offset) = ([], offset)
        while true {
            let response = try call(fetchRequest(topic, from: next, maxWait: 0))
            let part = try #require(response.responses.first?.partitions.first)
            guard case .inMemory(let bytes)? = part.records, bytes.readableBytes > 0 else { return values }
            values += try part.values()
            var batches = RecordBatches(bytes)
            while let batch = try batches.next() { next = batch.header.nextOffset }
        }
    }
}

extension FetchResponse.PartitionData {
    func values() throws -> [String] {
        guard case .inMemory(let bytes)? = records else { return [] }
        var values: [String] = []
        var batches = RecordBatches(bytes)
        while let batch = try batches.next() {
            try batch.checkCRC()
            for record in try batch.records() { values.append(String(buffer: record.value ?? ByteBuffer())) }
        }
        return values
    }
}
