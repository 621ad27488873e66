import ClusterModel
import KafkaProtocol
import Seams

extension BrokerKernel {
    /// Answers a produce request once all that it appended is committed, or when its time is up.
    ///
    /// - Parameters:
    ///   - waits: places in `response` of partitions that were appended to, and the offset after their last record.
    mutating func answerWhenCommitted(
        _ request: Request, _ response: ProduceResponse, timeoutInMilliseconds: Int32,
        _ waits: [(topic: Int, partition: Int, Partition, end: Offset)]
    ) {
        var response = response
        for (topic, place, _, _) in waits {
            response.responses[topic].partitionResponses[place].errorCode = ErrorCode.requestTimedOut.rawValue
        }
        let id = waitingProduces.add(
            request, response, missing: waits.count,
            until: now + .milliseconds(Int64(max(0, timeoutInMilliseconds))))
        for (topic, place, partition, end) in waits {
            partition.gate.wait(.produce(id, topic: topic, partition: place), for: end)
        }
    }

    /// Notes how a partition of a waiting request went; answers the request when that was the last one.
    mutating func endProduceWait(
        _ id: WaitingReplies<ProduceResponse>.ID, topic: Int, partition place: Int, of partition: Partition,
        isCommitted: Bool
    ) {
        var error = ErrorCode.notLeaderOrFollower
        if isCommitted, let leader = partition.leadership {
            error = leader.maximalInSyncCount < leader.effectiveMinimumInSync ? .notEnoughReplicasAfterAppend : .none
        }
        let done = waitingProduces.end(id) { response in
            response.responses[topic].partitionResponses[place].errorCode = error.rawValue
        }
        guard let (request, response) = done else { return }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// Answers the requests that have waited long enough. What they appended stays, and may be committed later.
    mutating func endLateProduceWaits() {
        while let (request, response) = waitingProduces.takeDue(at: now) {
            reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }
}
