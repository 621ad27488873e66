import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import NIOCore
import Testing
import WireCoding

/// Partitions with replicas on several brokers: the bench's own leads them or follows their leader.
extension BrokerBench {
    private static let replicaFetchVersion: Int16 = 17

    /// Registers another broker.
    func addBroker(_ id: Int32, rack: String? = nil, listener: String = "PLAINTEXT") throws {
        let endpoint = BrokerEndpoint(
            listenerName: listener, securityProtocol: "PLAINTEXT", host: "broker\(id).test", port: 9092)
        try changeImage { image in
            image.brokers[BrokerID(id)] = BrokerRegistration(endpoints: [endpoint], rack: rack, epoch: Int64(id) * 100)
        }
    }

    /// Registers a broker as another process than the one whose fetches come: that one joins no in-sync set (KIP-903).
    func supersedeBroker(_ id: Int32) throws { try changeImage { $0.brokers[BrokerID(id)]?.epoch += 1 } }

    func removeBroker(_ id: Int32) throws { try changeImage { $0.brokers[BrokerID(id)] = nil } }

    /// Gives partition 0 of a topic these replicas, in another state of the tree; the epoch rises with each call.
    func place(_ topic: String, on replicas: [Int32], inSync: [Int32]? = nil, leader: Int32) throws {
        try changeImage { image in
            image.updateTopic(topic) { topic in
                let old = topic.partitions[0]
                var partition = PartitionImage(replicas: replicas.map { BrokerID($0) })
                let state = PartitionState(
                    leader: BrokerID(leader), leaderEpoch: old.leaderEpoch + 1,
                    isr: (inSync ?? replicas).map { BrokerID($0) }, controllerEpoch: 1)
                partition.setState(state, version: old.stateVersion + 1)
                topic.partitions[0] = partition
            }
        }
    }

    /// A fetch as another broker's replica of partition 0 sends it, which acknowledges all before `offset`.
    func replicaFetch(
        _ topic: String, by broker: Int32, from offset: Offset, logStart: Offset = 0, maxWait: Int32 = 500
    ) -> FetchRequest {
        var request = fetchRequest(topic, from: offset, maxWait: maxWait)
        request.replicaState.replicaId = broker
        request.replicaState.replicaEpoch = Int64(broker) * 100
        request.topics[0].partitions[0].logStartOffset = logStart
        return request
    }

    /// The oldest fetch that a leader was sent and has not answered.
    func askedFetch() throws -> FetchRequest {
        try WireReader.read(try #require(asked.first).frame) { reader throws(MalformedInput) in
            let version = Self.replicaFetchVersion
            _ = try RequestHeader(reading: &reader, version: ApiKey.fetch.requestHeaderVersion(for: version))
            return try FetchRequest(reading: &reader, version: version)
        }
    }

    /// Answers the oldest fetch that a leader was sent, in its session 77 unless another one is given.
    func answerFetch(_ parts: [(topic: String, FetchResponse.PartitionData)], session: Int32 = 77) throws {
        var response = FetchResponse()
        response.sessionId = session
        response.responses = parts.map { topic, part in
            var told = FetchResponse.FetchableTopicResponse()
            told.topicId = image.topics[topic]?.id ?? .zero
            told.partitions = [part]
            return told
        }
        var writer = WireWriter()
        var header = ResponseHeader()
        header.correlationId = try #require(asked.first).correlationID
        let version = Self.replicaFetchVersion
        header.write(to: &writer, version: ApiKey.fetch.responseHeaderVersion(for: version))
        response.write(to: &writer, version: version)
        try answerPeer(writer.buffer())
    }
}

/// What a leader tells of partition 0.
func leaderTells(
    _ records: ByteBuffer = ByteBuffer(), highWatermark: Offset, logStart: Offset = 0, error: ErrorCode = .none
) -> FetchResponse.PartitionData {
    var part = FetchResponse.PartitionData()
    part.errorCode = error.rawValue
    part.highWatermark = highWatermark
    part.logStartOffset = logStart
    part.records = .inMemory(records)
    return part
}
