import Seams

/// Requests that are answered once each of their partitions is done, or when their time is up.
struct WaitingReplies<Response> {
    /// Which request waits.
    struct ID: Hashable { fileprivate var value: UInt64 }

    private struct Wait {
        var request: Request
        /// Says REQUEST_TIMED_OUT for each partition that is still waited for.
        var response: Response
        var missing: Int
    }

    private var waits: [ID: Wait] = [:]
    private var deadlines = Deadlines<ID>()
    private var lastID: UInt64 = 0

    var nextDeadline: Instant { deadlines.next }

    /// - Parameters:
    ///   - response: what is answered if the time is up before a partition is done.
    ///   - missing: how many partitions are waited for.
    mutating func add(_ request: Request, _ response: Response, missing: Int, until deadline: Instant) -> ID {
        lastID += 1
        let id = ID(value: lastID)
        waits[id] = Wait(request: request, response: response, missing: missing)
        if deadlines.count > 2 * waits.count + 64 { deadlines.keep { [waits] in waits[$0] != nil } }
        deadlines.add(id, due: deadline)
        return id
    }

    func isWaiting(_ id: ID) -> Bool { waits[id] != nil }

    /// Notes in the response that a partition is done. Returns what is to be answered if that was the last one; nothing
    /// happens when the request's time was up before.
    mutating func end(_ id: ID, _ note: (inout Response) -> Void) -> (Request, Response)? {
        guard let index = waits.index(forKey: id) else { return nil }
        note(&waits.values[index].response)
        waits.values[index].missing -= 1
        guard waits.values[index].missing == 0 else { return nil }
        let wait = waits.remove(at: index).value
        return (wait.request, wait.response)
    }

    /// Takes a request whose time is up; nil when there is none.
    mutating func takeDue(at now: Instant) -> (Request, Response)? {
        while let id = deadlines.take(at: now) {
            if let wait = waits.removeValue(forKey: id) { return (wait.request, wait.response) }
        }
        return nil
    }
}
