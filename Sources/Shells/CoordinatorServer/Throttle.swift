import Synchronization
import Transport

/// Bounds the requests that have come and not been answered, over all connections: who sends more is not read until
/// half of them are done. Bounds watch events that have not been read, too: those nobody asks for one by one, so who
/// does not read them is sent away.
final class Throttle: Sendable {
    private struct State {
        var outstanding = 0
        var paused: [Connection] = []
        var pauseCount: Int64 = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    private let unreadEventsBound: Int

    /// - Parameter unreadEventsBound: in bytes.
    init(limit: Int, unreadEventsBound: Int) {
        self.limit = limit
        self.unreadEventsBound = unreadEventsBound
    }

    /// Whether `connection` has room for a watch event; ends it if it has none.
    func hasRoomForEvent(_ connection: Connection) -> Bool {
        guard connection.unsentBytes > unreadEventsBound else { return true }
        connection.close(.failed("does not read its watch events, of which \(connection.unsentBytes) bytes wait"))
        return false
    }

    /// Requests that wait for their answers.
    var outstanding: Int { state.withLock { $0.outstanding } }

    /// How often a connection was made to wait.
    var pauseCount: Int64 { state.withLock { $0.pauseCount } }

    func arrived(_ count: Int, on connection: Connection) {
        let isOver = state.withLock { state in
            state.outstanding += count
            guard state.outstanding > limit else { return false }
            state.paused.append(connection)
            state.pauseCount += 1
            return true
        }
        if isOver { connection.pauseReading() }
    }

    func finished(_ count: Int) {
        let resumed: [Connection] = state.withLock { state in
            state.outstanding -= count
            guard state.outstanding <= limit / 2, !state.paused.isEmpty else { return [] }
            defer { state.paused = [] }
            return state.paused
        }
        for connection in resumed { connection.resumeReading() }
    }
}
