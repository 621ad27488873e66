import ClusterModel
import KafkaProtocol
import KafkaProtocolClusters
import Records
import SegmentedLog

/// Which digests a disk thread works on.
package struct DigestTicket: Sendable, Hashable {
    fileprivate var value: UInt64
}

/// Requests for digests that a disk thread works on.
struct WaitingDigests {
    fileprivate struct Wait {
        var request: Request
        var response: LogDigestResponse
        /// For each stretch that is digested, the place of its answer.
        var places: [AppendPlace]
    }

    fileprivate var waits: [DigestTicket: Wait] = [:]
    private var last: UInt64 = 0

    fileprivate mutating func add(_ wait: Wait) -> DigestTicket {
        last += 1
        let ticket = DigestTicket(value: last)
        waits[ticket] = wait
        return ticket
    }
}

extension BrokerKernel {
    /// What all stretches of one request, and one of them, may read, in bytes.
    private static let digestedAtOnce = (request: 64 << 20, partition: 16 << 20)

    /// Digests ranges of logs, of followers' as well, as far as one request may read: `to` in the answer is where the
    /// next one goes on. Answered when a disk thread has read them.
    mutating func logDigest(_ request: Request, _ body: LogDigestRequest) {
        var response = LogDigestResponse()
        var stretches: [LogStretch] = []
        var places: [AppendPlace] = []
        var left = Self.digestedAtOnce.request
        let isPermitted = permitsOnCluster(request, .clusterAction)
        for topic in body.topics {
            var toldTopic = LogDigestResponse.DigestedTopicResult()
            toldTopic.name = topic.name
            for wanted in topic.partitions {
                var told = LogDigestResponse.DigestedPartitionResult()
                told.index = wanted.index
                guard isPermitted else {
                    told.errorCode = ErrorCode.clusterAuthorizationFailed.rawValue
                    toldTopic.partitions.append(told)
                    continue
                }
                switch stretch(of: topic.name, wanted, maxBytes: min(left, Self.digestedAtOnce.partition)) {
                case .failure(let error):
                    told.errorCode = error.rawValue
                    if error == .offsetOutOfRange { tellCommitted(topic.name, in: &told) }
                case .success(let stretch):
                    left -= min(left, stretch.sizeInBytes)
                    told.from = stretch.offsets.lowerBound
                    told.to = stretch.offsets.upperBound
                    if stretch.sizeInBytes > 0 {
                        stretches.append(stretch)
                        places.append(
                            AppendPlace(topic: response.topics.count, partition: toldTopic.partitions.count))
                    }
                }
                toldTopic.partitions.append(told)
            }
            response.topics.append(toldTopic)
        }
        if stretches.isEmpty { return reply(to: request) { response.write(to: &$0, version: request.version) } }
        let ticket = digests.add(WaitingDigests.Wait(request: request, response: response, places: places))
        perform(.onDiskThread(.digest(ticket, stretches)))
    }

    private mutating func stretch(
        of topic: String, _ wanted: LogDigestRequest.DigestedPartition, maxBytes: Int
    ) -> Result<LogStretch, ErrorCode> {
        let name = TopicPartition(topic: topic, partition: wanted.index)
        guard let log = partitions[name]?.log else {
            if offline[name] != nil { return .failure(.kafkaStorageError) }
            return .failure(image.partition(name) == nil ? .unknownTopicOrPartition : .replicaNotAvailable)
        }
        guard wanted.from >= log.logStartOffset, wanted.from <= log.highWatermark, wanted.to >= wanted.from else {
            return .failure(.offsetOutOfRange)
        }
        // The next request goes on where this one has no room left.
        let end = maxBytes == 0 ? wanted.from : wanted.to
        let stretch = onLog { () throws(LogFailure) in
            try log.stretch(of: wanted.from..<end, maxBytes: maxBytes)
        }
        return stretch.map { .success($0) } ?? .failure(.kafkaStorageError)
    }

    /// Where a range could lie.
    private func tellCommitted(_ topic: String, in told: inout LogDigestResponse.DigestedPartitionResult) {
        guard let log = partitions[TopicPartition(topic: topic, partition: told.index)]?.log else { return }
        told.from = log.logStartOffset
        told.to = log.highWatermark
    }

    mutating func answerDigest(_ ticket: DigestTicket, _ results: [Result<RangeDigest, LogFailure>]) {
        guard var wait = digests.waits.removeValue(forKey: ticket) else { return }
        for (place, result) in zip(wait.places, results) {
            let index = wait.response.topics[place.topic].partitions[place.partition].index
            switch result {
            case .success(let digest):
                wait.response.topics[place.topic].partitions[place.partition].tell(digest)
            case .failure(let failure):
                let name = TopicPartition(topic: wait.response.topics[place.topic].name, partition: index)
                wait.response.topics[place.topic].partitions[place.partition].errorCode = error(failure, of: name)
            }
        }
        reply(to: wait.request) { wait.response.write(to: &$0, version: wait.request.version) }
    }

    private mutating func error(_ failure: LogFailure, of name: TopicPartition) -> Int16 {
        switch failure {
        case .corrupt:
            // The log may have been cut while it was read.
            perform(.report("\(name) could not be digested: \(failure)"))
            return ErrorCode.corruptMessage.rawValue
        case .disk:
            logFailures.append(failure)
            return ErrorCode.kafkaStorageError.rawValue
        }
    }
}

extension LogDigestResponse.DigestedPartitionResult {
    fileprivate mutating func tell(_ digest: RangeDigest) {
        batches = digest.batches
        records = digest.records
        bytes = digest.bytes
        digestHigh = Int64(truncatingIfNeeded: digest.sum >> 64)
        digestLow = Int64(truncatingIfNeeded: digest.sum)
        corruptBatches = digest.corruptBatches
    }
}
