import ClusterModel
import KafkaProtocol
import KafkaProtocolClusters
import Seams
import WireCoding

/// The answer to what appended to partitions, to be given when all of it is committed.
enum AppendResponse {
    case produce(ProduceResponse)
    case mirror(MirrorAppendResponse)

    /// Says how a partition's part went, which `place` names.
    fileprivate mutating func set(_ error: ErrorCode, at place: AppendPlace, of partition: Partition) {
        switch self {
        case .produce(var response):
            self = .produce(ProduceResponse())
            response.responses[place.topic].partitionResponses[place.partition].errorCode = error.rawValue
            self = .produce(response)
        case .mirror(var response):
            self = .mirror(MirrorAppendResponse())
            var told = response.topics[place.topic].partitions[place.partition]
            let end = told.logEndOffset
            told.errorCode = error.rawValue
            told.tellOffsets(of: partition.log)
            // Others may have come behind since; by the end that its append left a mirror knows that the next one fits.
            if error != .notLeaderOrFollower { told.logEndOffset = end }
            response.topics[place.topic].partitions[place.partition] = told
            self = .mirror(response)
        }
    }

    fileprivate func write(to writer: inout WireWriter, version: Int16) {
        switch self {
        case .produce(let response): response.write(to: &writer, version: version)
        case .mirror(let response): response.write(to: &writer, version: version)
        }
    }
}

/// Where in a response a partition's part stands.
struct AppendPlace {
    var topic: Int
    var partition: Int
}

/// A partition that was appended to, and the offset after its last record, which is not committed yet.
struct UncommittedAppend {
    var place: AppendPlace
    var partition: Partition
    var end: Offset
}

extension BrokerKernel {
    /// Answers a request once all that it appended is committed, or when its time is up.
    mutating func answerWhenCommitted(
        _ request: Request, _ response: AppendResponse, timeoutInMilliseconds: Int32, _ waits: [UncommittedAppend]
    ) {
        if waits.isEmpty { return reply(to: request) { response.write(to: &$0, version: request.version) } }
        var response = response
        for wait in waits { response.set(.requestTimedOut, at: wait.place, of: wait.partition) }
        let id = waitingProduces.add(
            request, response, missing: waits.count,
            until: now + .milliseconds(Int64(max(0, timeoutInMilliseconds))))
        for wait in waits { wait.partition.gate.wait(.produce(id, wait.place), for: wait.end) }
    }

    /// Notes how a partition of a waiting request went; answers the request when that was the last one.
    mutating func endProduceWait(
        _ id: WaitingReplies<AppendResponse>.ID, _ place: AppendPlace, of partition: Partition, isCommitted: Bool
    ) {
        // The request's time may have been up before.
        guard waitingProduces.isWaiting(id) else { return }
        var error = ErrorCode.notLeaderOrFollower
        if isCommitted, let leader = partition.leadership {
            error = leader.maximalInSyncCount < leader.effectiveMinimumInSync ? .notEnoughReplicasAfterAppend : .none
        }
        followSourceLogStart(partition)
        let done = waitingProduces.end(id) { $0.set(error, at: place, of: partition) }
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
