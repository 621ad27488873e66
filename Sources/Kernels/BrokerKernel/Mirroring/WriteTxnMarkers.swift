import ClusterModel
import KafkaProtocol
import KafkaProtocolTransactions
import NIOCore
import Records
import Seams

extension BrokerKernel {
    private typealias MarkerResult = WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult

    /// One marker for one partition.
    private struct WantedMarker {
        /// Places of the marker and of the topic in the request.
        var marker: Int
        var topic: Int
        var partition: TopicPartition
        var producerID: ProducerID
        var isCommit: Bool
        var batch: ByteBuffer
    }

    /// Ends transactions in partitions, also in those whose home is on its way here; answered when all markers are
    /// committed. The epoch of a marker fences producers with earlier ones.
    mutating func writeTxnMarkers(_ request: Request, _ body: WriteTxnMarkersRequest) {
        var wanted: [WantedMarker] = []
        for (place, marker) in body.markers.enumerated() {
            let batch = markerBatch(marker)
            for (topicPlace, topic) in marker.topics.enumerated() {
                for index in topic.partitionIndexes {
                    // Each has storage of its own, for its offset is written into it.
                    wanted.append(
                        WantedMarker(
                            marker: place, topic: topicPlace,
                            partition: TopicPartition(topic: topic.name, partition: index),
                            producerID: marker.producerId, isCommit: marker.transactionResult,
                            batch: ByteBuffer(bytes: batch.readableBytesView)))
                }
            }
        }
        let isPermitted =
            permitsOnCluster(request, .alter, tellsDenial: false) || permitsOnCluster(request, .clusterAction)
        gather(wanted) { (kernel, wanted, done: @escaping (inout BrokerKernel, ErrorCode) -> Void) in
            guard isPermitted else { return done(&kernel, .clusterAuthorizationFailed) }
            kernel.append(wanted, then: done)
        } then: { kernel, errors in
            var response = WriteTxnMarkersResponse()
            response.markers = body.markers.map { marker in
                var told = WriteTxnMarkersResponse.WritableTxnMarkerResult()
                told.producerId = marker.producerId
                told.topics = marker.topics.map { topic in
                    var toldTopic = WriteTxnMarkersResponse.WritableTxnMarkerTopicResult()
                    toldTopic.name = topic.name
                    return toldTopic
                }
                return told
            }
            for (wanted, error) in zip(wanted, errors) {
                var told = MarkerResult()
                told.partitionIndex = wanted.partition.partition
                told.errorCode = error.rawValue
                response.markers[wanted.marker].topics[wanted.topic].partitions.append(told)
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    /// Apache's `request.timeout.ms`: requests have no time-out of their own.
    private static let markerTimeout = Duration.seconds(30)

    private mutating func append(
        _ wanted: WantedMarker, then done: @escaping (inout BrokerKernel, ErrorCode) -> Void
    ) {
        let partition: Partition
        switch led(wanted.partition) {
        case .failure(let error): return done(&self, error)
        case .success(let found): partition = found
        }
        guard partition.standing.state == .ordinary || partition.standing.state == .promoting else {
            return done(&self, .invalidRequest)
        }
        if let leader = partition.leadership, leader.isUnderMinimum { return done(&self, .notEnoughReplicas) }
        if partition.standing.state == .promoting,
            !partition.log.openTransactions.contains(where: { $0.producerID == wanted.producerID })
        {
            // The home may have been cut already where nothing is open: a marker more would be lost.
            return wanted.isCommit ? done(&self, .invalidRequest) : endWhenCommitted(partition, then: done)
        }
        switch append(wanted.batch, to: partition, origin: .broker) {
        case nil: done(&self, .kafkaStorageError)
        case .refused(let refusal): done(&self, ErrorCode(rawValue: refusal.errorCode))
        case .appended, .duplicate: endWhenCommitted(partition, then: done)
        }
    }

    private mutating func endWhenCommitted(
        _ partition: Partition, then done: @escaping (inout BrokerKernel, ErrorCode) -> Void
    ) {
        whenCommitted(partition, by: now + Self.markerTimeout) { kernel, outcome in
            switch outcome {
            case .committed: done(&kernel, .none)
            case .deposed: done(&kernel, .notLeaderOrFollower)
            case .late: done(&kernel, .requestTimedOut)
            }
        }
    }

    private func markerBatch(_ marker: WriteTxnMarkersRequest.WritableTxnMarker) -> ByteBuffer {
        var builder = RecordBatchBuilder()
        builder.attributes.isTransactional = true
        builder.attributes.isControl = true
        builder.producerID = marker.producerId
        builder.producerEpoch = marker.producerEpoch
        let (key, value) = ControlRecord.endTransactionMarker(
            isCommit: marker.transactionResult, coordinatorEpoch: marker.coordinatorEpoch)
        builder.append(timestamp: now.unixMilliseconds, key: key, value: value)
        return builder.finish()
    }
}
