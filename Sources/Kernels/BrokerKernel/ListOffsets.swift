import ClusterModel
import KafkaProtocol
import SegmentedLog

extension BrokerKernel {
    mutating func listOffsets(_ request: Request, _ body: ListOffsetsRequest) {
        var response = ListOffsetsResponse()
        let forbidden = forbidden(request, .describe, body.topics.lazy.map(\.name))
        for topic in body.topics {
            var told = ListOffsetsResponse.ListOffsetsTopicResponse()
            told.name = topic.name
            for wanted in topic.partitions {
                guard !forbidden.contains(topic.name) else {
                    var refused = ListOffsetsResponse.ListOffsetsPartitionResponse()
                    refused.partitionIndex = wanted.partitionIndex
                    refused.errorCode = ErrorCode.topicAuthorizationFailed.rawValue
                    told.partitions.append(refused)
                    continue
                }
                told.partitions.append(offset(wanted, of: topic.name, body, request.version))
            }
            response.topics.append(told)
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    private mutating func offset(
        _ wanted: ListOffsetsRequest.ListOffsetsPartition, of topic: String, _ body: ListOffsetsRequest,
        _ version: Int16
    ) -> ListOffsetsResponse.ListOffsetsPartitionResponse {
        var told = ListOffsetsResponse.ListOffsetsPartitionResponse()
        told.partitionIndex = wanted.partitionIndex
        let partition: Partition
        switch led(
            TopicPartition(topic: topic, partition: wanted.partitionIndex), leaderEpoch: wanted.currentLeaderEpoch)
        {
        case .failure(let error):
            told.errorCode = error.rawValue
            return told
        case .success(let found): partition = found
        }
        let isReplica = body.replicaId >= 0
        let end =
            isReplica
            ? partition.log.logEndOffset : partition.readableEnd(committedOnly: body.isolationLevel == 1)
        // A leader that does not know yet how much was committed before its epoch must not name an end that lies before
        // one that was named already (KIP-207).
        let isEndKnown = isReplica || partition.log.highWatermark >= partition.leadership?.epochStart ?? 0
        let unknownEnd = version >= 5 ? ErrorCode.offsetNotAvailable : .leaderNotAvailable
        switch wanted.timestamp {
        case OffsetSign.latest:
            guard isEndKnown else {
                told.errorCode = unknownEnd.rawValue
                return told
            }
            told.offset = end
        case OffsetSign.earliest, OffsetSign.earliestLocal: told.offset = partition.log.logStartOffset
        case OffsetSign.latestTiered: break
        case let time where time >= 0 || time == OffsetSign.maximumTimestamp:
            let found = onLog { () throws(LogFailure) in
                time >= 0
                    ? try partition.log.firstRecord(stampedFrom: time) : try partition.log.recordWithMaxTimestamp()
            }
            guard let found else {
                told.errorCode = ErrorCode.kafkaStorageError.rawValue
                return told
            }
            if let found, found.offset < end {
                told.offset = found.offset
                told.timestamp = found.timestamp
            } else if found != nil, !isEndKnown {
                told.errorCode = unknownEnd.rawValue
                return told
            }
        default:
            told.errorCode = ErrorCode.unsupportedVersion.rawValue
            return told
        }
        if told.offset >= 0 { told.leaderEpoch = epoch(of: told.offset, in: partition) }
        if version == 0 {
            told.oldStyleOffsets = told.offset >= 0 && wanted.maxNumOffsets > 0 ? [told.offset] : []
        }
        return told
    }

    private func epoch(of offset: Offset, in partition: Partition) -> LeaderEpoch {
        offset == partition.log.logEndOffset ? partition.leaderEpoch : partition.log.leaderEpochs.epoch(at: offset)
    }
}

/// Timestamps of a ListOffsets request that mean a place instead of a time.
private enum OffsetSign {
    static let latest: Int64 = -1
    static let earliest: Int64 = -2
    /// The record with the highest timestamp (KIP-734).
    static let maximumTimestamp: Int64 = -3
    /// The first offset on this broker's own disk (KIP-405).
    static let earliestLocal: Int64 = -4
    /// The last offset in remote storage, which we do not have (KIP-1005).
    static let latestTiered: Int64 = -5
}
