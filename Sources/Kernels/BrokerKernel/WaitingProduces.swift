import ClusterModel
import KafkaProtocol
import Seams

/// Which produce request waits.
struct ProduceWaitID: Hashable {
    fileprivate var value: UInt64
}

/// Produce requests with acks=all of which some partitions are not committed yet.
struct WaitingProduces {
    fileprivate struct Wait {
        var request: Request
        /// Says REQUEST_TIMED_OUT for each partition that is still waited for.
        var response: ProduceResponse
        var missing: Int
    }

    fileprivate var waits: [ProduceWaitID: Wait] = [:]
    private var deadlines = Deadlines<ProduceWaitID>()
    private var lastID: UInt64 = 0

    var nextDeadline: Instant { deadlines.next }

    fileprivate mutating func add(_ wait: Wait, until deadline: Instant) -> ProduceWaitID {
        lastID += 1
        let id = ProduceWaitID(value: lastID)
        waits[id] = wait
        if deadlines.count > 2 * waits.count + 64 { deadlines.keep { [waits] in waits[$0] != nil } }
        deadlines.add(id, due: deadline)
        return id
    }

    fileprivate mutating func takeDue(at now: Instant) -> Wait? {
        while let id = deadlines.take(at: now) {
            if let wait = waits.removeValue(forKey: id) { return wait }
        }
        return nil
    }
}

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
            WaitingProduces.Wait(request: request, response: response, missing: waits.count),
            until: now + .milliseconds(Int64(max(0, timeoutInMilliseconds))))
        for (topic, place, partition, end) in waits {
            partition.gate.wait(.produce(id, topic: topic, partition: place), for: end)
        }
    }

    /// Notes how a partition of a waiting request went; answers the request when that was the last one.
    mutating func endProduceWait(
        _ id: ProduceWaitID, topic: Int, partition place: Int, of partition: Partition, isCommitted: Bool
    ) {
        // The request's time may have been up before.
        guard let index = waitingProduces.waits.index(forKey: id) else { return }
        var error = ErrorCode.notLeaderOrFollower
        if isCommitted, let leader = partition.leadership {
            error = leader.maximalInSyncCount < leader.effectiveMinimumInSync ? .notEnoughReplicasAfterAppend : .none
        }
        waitingProduces.waits.values[index].response.responses[topic].partitionResponses[place].errorCode =
            error.rawValue
        waitingProduces.waits.values[index].missing -= 1
        guard waitingProduces.waits.values[index].missing == 0 else { return }
        let wait = waitingProduces.waits.remove(at: index).value
        reply(to: wait.request) { wait.response.write(to: &$0, version: wait.request.version) }
    }

    /// Answers the requests that have waited long enough. What they appended stays, and may be committed later.
    mutating func endLateProduceWaits() {
        while let wait = waitingProduces.takeDue(at: now) {
            reply(to: wait.request) { wait.response.write(to: &$0, version: wait.request.version) }
        }
    }
}
