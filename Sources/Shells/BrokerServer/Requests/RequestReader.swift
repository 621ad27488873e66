import BrokerKernel
import NIOCore
import Transport
import WireCoding

/// Turns the frames of one client connection into requests for the shard, a read burst at a time.
final class RequestReader: ConnectionHandler {
    private let id: ConnectionID
    private let shard: Shard
    private let origin: RequestOrigin
    private let backlog = RequestBacklog()
    private var nextPlace: UInt64 = 0

    init(id: ConnectionID, connection: Connection, listener: String, shard: Shard) {
        self.id = id
        self.shard = shard
        origin = RequestOrigin(
            listener: listener, principal: connection.principal, clientAddress: connection.peerHost,
            isEncrypted: connection.tlsSession != nil)
        shard.post(.connectionOpened(id, connection, backlog))
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        var requests: [Request] = []
        requests.reserveCapacity(frames.count)
        do throws(MalformedInput) {
            for frame in frames {
                let ticket = ReplyTicket(connection: id, place: nextPlace)
                requests.append(try Request(frame: frame, ticket: ticket, origin: origin))
                nextPlace += 1
            }
        } catch {
            connection.close(.badInput("this is no request of Kafka's protocol: \(error)"))
        }
        guard !requests.isEmpty else { return }
        if backlog.grow(by: requests.map(\.body.readableBytes)) { connection.pauseReading() }
        shard.post(.event(.requestsReceived(requests)))
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        shard.post(.event(.connectionClosed(id)))
    }
}
