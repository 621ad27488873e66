import NIOCore
import Seams

/// What waits at the commit gate.
enum Outgoing: Sendable {
    case reply(ConnectionID, ByteBuffer, to: AnsweredRequest)
    /// A watch event.
    case event(ConnectionID, ByteBuffer)
    case close(ConnectionID)
    case reject(ConnectionID, cause: String)
    indirect case report(CoordinatorNews)

    /// Whether a client is shown nothing more by it.
    var isEnd: Bool {
        switch self {
        case .reply, .event, .report: false
        case .close, .reject: true
        }
    }
}

/// What statistics keep of a request.
struct AnsweredRequest: Sendable {
    var arrived: Instant
    var xid: Int32
    /// Of the reply.
    var zxid: Int64
    /// In four letters.
    var operation: StaticString
    /// Whether it was to change anything.
    var isUpdate = false
}

extension CoordinatorKernel {
    /// Says `outgoing` as soon as every change that has been applied so far is durable; with others, at the end of the step.
    ///
    /// - Parameter round: to be confirmed as well, as ``confirmationRound(at:into:)`` gives it; 0 for none.
    mutating func say(
        _ outgoing: Outgoing, round: Int64 = 0, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        if ensemble?.isServing == false, outgoing.isEnd {
            // What has been applied may be taken back, and then nothing could wait for it.
            leaving.append(outgoing)
        } else {
            gate.pass(outgoing, after: lastZxid, round: round, into: &leaving)
        }
    }

    /// Turns what the gate has let through into effects.
    mutating func letLeave(at now: Instant, into effects: inout [CoordinatorEffect]) {
        guard !leaving.isEmpty else { return }
        // Replies to one client mostly come together.
        var answered: (id: ConnectionID, statistics: ConnectionStatistics)?
        for outgoing in leaving {
            switch outgoing {
            case .reply(let id, let frame, let request):
                server.answered(request, frame, at: now)
                if answered?.id != id {
                    if let answered { statistics[answered.id] = answered.statistics }
                    answered = nil
                    if let statistics = statistics[id] { answered = (id, statistics) }
                }
                answered?.statistics.answered(request, at: now)
                effects.append(.send(id, frame))
            case .event(let id, let frame):
                server.sent += 1
                server.sentBytes += Int64(frame.readableBytes)
                if answered?.id == id {
                    answered?.statistics.sent += 1
                } else {
                    statistics[id]?.sent += 1
                }
                effects.append(.send(id, frame))
            case .close(let id): effects.append(.close(id))
            case .reject(let id, let cause): effects.append(.reject(id, cause: cause))
            case .report(let news): effects.append(.report(news))
            }
        }
        if let answered { statistics[answered.id] = answered.statistics }
        leaving.removeAll(keepingCapacity: leaving.capacity <= 4096)
    }
}

extension ServerStatistics {
    fileprivate mutating func answered(_ request: AnsweredRequest, _ frame: ByteBuffer, at now: Instant) {
        sent += 1
        sentBytes += Int64(frame.readableBytes)
        replySizes.add(frame.readableBytes - 4)
        let took = now.nanoseconds - request.arrived.nanoseconds
        latency.add(nanoseconds: took)
        if request.isUpdate {
            updateLatencies.add(took)
        } else {
            readLatencies.add(took)
        }
    }
}

extension ConnectionStatistics {
    fileprivate mutating func answered(_ request: AnsweredRequest, at now: Instant) {
        sent += 1
        queued -= 1
        lastOperation = request.operation
        lastXID = request.xid
        lastZxid = request.zxid
        lastReply = now
        lastNanoseconds = now.nanoseconds - request.arrived.nanoseconds
        latency.add(nanoseconds: lastNanoseconds)
    }
}
