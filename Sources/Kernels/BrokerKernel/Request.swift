import KafkaProtocol
import NIOCore
import Security
import WireCoding

/// One client connection of one broker process; never used again after it closed.
package struct ConnectionID: Sendable, Hashable, Comparable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static func < (left: ConnectionID, right: ConnectionID) -> Bool { left.value < right.value }
}

/// Which request a reply answers: the connection and the request's place on it. The shell sends the replies of a
/// connection in the order of their places, whatever the order in which the kernel gives them.
package struct ReplyTicket: Sendable, Hashable {
    package var connection: ConnectionID
    package var place: UInt64

    package init(connection: ConnectionID, place: UInt64) {
        self.connection = connection
        self.place = place
    }
}

/// Where a request came from; shared by all requests of a connection.
package final class RequestOrigin: Sendable {
    package let listener: String
    package let principal: KafkaPrincipal
    /// The client's IP address, without port.
    package let clientAddress: String
    /// Whether nobody on the way can read what is said.
    package let isEncrypted: Bool

    package init(listener: String, principal: KafkaPrincipal, clientAddress: String, isEncrypted: Bool = false) {
        self.listener = listener
        self.principal = principal
        self.clientAddress = clientAddress
        self.isEncrypted = isEncrypted
    }
}

/// A request whose header has been read and whose body has not.
package struct Request: Sendable {
    package var ticket: ReplyTicket
    package var origin: RequestOrigin
    package var apiKey: ApiKey
    package var version: Int16
    package var correlationID: Int32
    package var clientID: String?
    /// What follows the header.
    package var body: ByteBuffer

    /// Reads the header of `frame`, a whole request without its length.
    package init(frame: ByteBuffer, ticket: ReplyTicket, origin: RequestOrigin) throws(MalformedInput) {
        var frame = frame
        guard frame.readableBytes >= 8, let key = frame.getInteger(at: frame.readerIndex, as: Int16.self),
            let version = frame.getInteger(at: frame.readerIndex + 2, as: Int16.self)
        else { throw MalformedInput(.truncated, at: frame.readableBytes) }
        guard let apiKey = ApiKey(rawValue: key) else {
            throw MalformedInput(.custom("no such API key"), at: 0)
        }
        // ApiVersions is answered in any version (KIP-511), and its header stays readable.
        let headerVersion =
            apiKey == .apiVersions && !(apiKey.offeredVersions?.contains(version) ?? false)
            ? 1 : apiKey.requestHeaderVersion(for: version)
        let (header, length) = try WireReader.read(frame) { reader throws(MalformedInput) in
            let header = try RequestHeader(reading: &reader, version: headerVersion)
            return (header, reader.position)
        }
        frame.moveReaderIndex(forwardBy: length)
        self.ticket = ticket
        self.origin = origin
        self.apiKey = apiKey
        self.version = version
        self.correlationID = header.correlationId
        self.clientID = header.clientId
        self.body = frame
    }
}
