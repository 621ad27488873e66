import NIOCore
import Security
import Synchronization

/// What every connection of one listener or one call of the connector has in common.
struct ConnectionSettings: Sendable {
    /// The listener's name, or `host:port` as dialled.
    var name: String
    var maximumFrameSizeInBytes: Int
    var usesTLS: Bool
    var hasRecordForEachPiece = false
    var awaitsSASL = false
    var principals = PrincipalMapping.subject
    var maximumIdleTime: Duration?
    var unsentBytesBound: Int
    var writeBounds = WriteBounds.ofReplies
    /// Whether reading waits while more is unsent. Never on both sides: they would wait for each other.
    var pausesOverBound: Bool
}

/// How much is written at once.
struct WriteBounds: Sendable {
    /// Bytes between two flushes; under TLS also what is encrypted ahead of the socket.
    var flush: Int
    /// Pending bytes from which on the channel is given no more.
    var channel: Int

    /// What a server sends, and all that is encrypted: whoever reads slowly has little in its memory.
    static let ofReplies = WriteBounds(flush: 512 * 1024, channel: 1 << 20)
    /// What a client sends in plaintext lies in memory already: a request of batches goes in one system call, as far as
    /// the socket takes it (measured: a tenth of a mirror's CPU).
    static let ofRequests = WriteBounds(flush: 4 << 20, channel: 4 << 20)

    var waterMark: ChannelOptions.Types.WriteBufferWaterMark { .init(low: channel / 4, high: channel) }
}

/// Who wants to know of a connection's beginning and end, besides its handler.
enum ConnectionOrigin {
    case accepted(ListenerRegistry)
    case dialled(EventLoopPromise<Connection>)

    func began(_ connection: Connection) {
        switch self {
        case .accepted(let registry): registry.add(connection)
        case .dialled(let promise): promise.succeed(connection)
        }
    }

    /// `connection` is nil when it ended before it was one: a handshake failed.
    func ended(_ connection: Connection?, _ reason: CloseReason) {
        switch self {
        case .accepted(let registry):
            if let connection { registry.remove(connection) }
        case .dialled(let promise):
            if connection == nil { promise.fail(EndedWhileConnecting(reason: reason)) }
        }
    }
}

/// A dialled connection ended before it was established.
struct EndedWhileConnecting: Error {
    var reason: CloseReason
}

/// The living connections of one listener, and its limits.
final class ListenerRegistry: Sendable {
    private struct State {
        var count = 0
        var countByHost: [String: Int] = [:]
        var connections: [ObjectIdentifier: Connection] = [:]
        var isClosed = false
    }

    private let maximum: Int?
    private let maximumPerHost: Int?
    private let state = Mutex(State())

    init(maximum: Int?, maximumPerHost: Int?) {
        self.maximum = maximum
        self.maximumPerHost = maximumPerHost
    }

    var count: Int { state.withLock { $0.count } }

    /// Counts a connection in, or says why not.
    func admit(_ host: String) -> String? {
        state.withLock { state in
            if state.isClosed { return "the listener is closing" }
            if let maximum, state.count >= maximum {
                return "there are already \(maximum) connections, the limit"
            }
            let ofHost = state.countByHost[host, default: 0]
            if let maximumPerHost, ofHost >= maximumPerHost {
                return "there are already \(maximumPerHost) connections of \(host), the limit for one address"
            }
            state.count += 1
            state.countByHost[host] = ofHost + 1
            return nil
        }
    }

    func leave(_ host: String) {
        state.withLock { state in
            state.count -= 1
            let ofHost = state.countByHost[host, default: 1] - 1
            state.countByHost[host] = ofHost > 0 ? ofHost : nil
        }
    }

    func add(_ connection: Connection) {
        let isClosed = state.withLock { state in
            state.connections[ObjectIdentifier(connection)] = connection
            return state.isClosed
        }
        if isClosed { connection.close(.shutDown) }
    }

    func remove(_ connection: Connection) {
        state.withLock { state in _ = state.connections.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    /// Admits nobody from now on and ends those that are there.
    func close() {
        let living = state.withLock { state in
            state.isClosed = true
            return Array(state.connections.values)
        }
        for connection in living { connection.close(.shutDown) }
    }
}
