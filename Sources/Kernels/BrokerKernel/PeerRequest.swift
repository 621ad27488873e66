import ClusterModel
import KafkaProtocol
import NIOCore
import WireCoding

/// Which request to another broker an outcome belongs to.
package struct PeerTicket: Sendable, Hashable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }
}

/// A request that this broker sends to another one, over the one connection it keeps to it.
///
/// Requests to a broker are sent in the order of their effects and answered in that order. Each has one outcome:
/// `peerReplied`, or `peerFailed` when there is no connection, it broke, or it was closed.
package struct PeerRequest: Sendable {
    package var ticket: PeerTicket
    package var broker: BrokerID
    /// The header and what follows it, without the length in front.
    package var frame: ByteBuffer
    /// The header's correlation id; the reply starts with it.
    package var correlationID: Int32

    package init(ticket: PeerTicket, broker: BrokerID, frame: ByteBuffer, correlationID: Int32) {
        self.ticket = ticket
        self.broker = broker
        self.frame = frame
        self.correlationID = correlationID
    }
}

/// The requests to other brokers that have no outcome yet.
struct PeerRequests {
    /// What to do with the reply, or without one.
    fileprivate var continuations: [PeerTicket: (inout BrokerKernel, ByteBuffer?) -> Void] = [:]
    private var lastTicket: UInt64 = 0

    fileprivate mutating func newTicket() -> PeerTicket {
        lastTicket += 1
        return PeerTicket(lastTicket)
    }
}

extension BrokerKernel {
    /// Sends a request to another broker and goes on with `proceed`: with the reply's body as its version has it, or
    /// nil when there is none to be had or it makes no sense.
    mutating func ask<Body: KafkaRequest>(
        _ broker: BrokerID, _ body: Body, version: Int16,
        then proceed: @escaping (inout BrokerKernel, Body.Response?) -> Void
    ) {
        let ticket = peerRequests.newTicket()
        let correlationID = Int32(truncatingIfNeeded: ticket.value)
        var writer = WireWriter()
        var header = RequestHeader()
        header.requestApiKey = Body.apiKey.rawValue
        header.requestApiVersion = version
        header.correlationId = correlationID
        header.clientId = "broker-\(settings.brokerID)"
        header.write(to: &writer, version: Body.apiKey.requestHeaderVersion(for: version))
        body.write(to: &writer, version: version)
        peerRequests.continuations[ticket] = { kernel, reply in
            proceed(&kernel, reply.flatMap { kernel.read($0, answeredBy: broker, to: Body.self, version: version) })
        }
        perform(
            .send(PeerRequest(ticket: ticket, broker: broker, frame: writer.buffer(), correlationID: correlationID)))
    }

    /// Takes the outcome of a request: the reply, or nil when it failed.
    mutating func endPeerRequest(_ ticket: PeerTicket, with reply: ByteBuffer?) {
        if let proceed = peerRequests.continuations.removeValue(forKey: ticket) { proceed(&self, reply) }
    }

    /// A peer that answers nonsense is disconnected: what follows on the connection cannot be trusted.
    private mutating func read<Body: KafkaRequest>(
        _ reply: ByteBuffer, answeredBy broker: BrokerID, to _: Body.Type, version: Int16
    ) -> Body.Response? {
        do throws(MalformedInput) {
            return try WireReader.read(reply) { reader throws(MalformedInput) in
                _ = try ResponseHeader(reading: &reader, version: Body.apiKey.responseHeaderVersion(for: version))
                return try Body.Response(reading: &reader, version: version)
            }
        } catch {
            perform(.report("broker \(broker) answered a \(Body.apiKey) request with nonsense: \(error)"))
            perform(.disconnectPeer(broker))
            return nil
        }
    }
}
