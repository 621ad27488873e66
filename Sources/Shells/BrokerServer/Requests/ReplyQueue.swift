import Transport
import WireCoding

/// Puts the replies of a connection in the order of its requests, and hands over together what may go.
struct ReplyQueue {
    let connection: Connection
    private let backlog: RequestBacklog
    /// The place of the next reply to go.
    private var next: UInt64 = 0
    /// Replies that wait for an earlier one.
    private var early: [UInt64: [RecordBytes]] = [:]
    private var ready: [RecordBytes] = []
    private var readyCount = 0

    init(connection: Connection, backlog: RequestBacklog) {
        self.connection = connection
        self.backlog = backlog
    }

    /// Takes the reply to the request at `place`; no pieces where the request asked for none. Returns whether this is
    /// the first one ready since the last ``send()``.
    mutating func complete(_ place: UInt64, _ pieces: [RecordBytes]) -> Bool {
        guard place == next else {
            early[place] = pieces
            return false
        }
        let isFirst = readyCount == 0
        ready.append(contentsOf: pieces)
        next += 1
        readyCount += 1
        while let waiting = early.removeValue(forKey: next) {
            ready.append(contentsOf: waiting)
            next += 1
            readyCount += 1
        }
        return isFirst
    }

    mutating func send() {
        if !ready.isEmpty { connection.send(ready) }
        if backlog.shrink(by: readyCount) { connection.resumeReading() }
        ready.removeAll(keepingCapacity: true)
        readyCount = 0
    }
}
