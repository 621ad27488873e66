import Logging
import NIOCore
import Security
import Synchronization
import WireCoding

/// One connection, ours to a peer or a peer's to us, as anything on any thread may hold it.
///
/// What is sent from one thread arrives in that order. Frames and the end are told to its ``ConnectionHandler``.
package final class Connection: Sendable {
    /// What has been sent and not yet been taken over by the event loop.
    private struct Outbox {
        var pieces: [RecordBytes] = []
        var isDrainAhead = false
        /// Bytes of `pieces`, of what the pipe holds, and of what the channel holds.
        var unsentBytes = 0
    }

    package let eventLoop: any EventLoop
    /// The listener's name, or for one of ours `host:port` as it was dialled.
    package let name: String
    package let peerAddress: String
    /// The peer's host without port; what limits per address count by.
    package let peerHost: String
    package let localAddress: String
    package let authentication: Authentication
    package let peerCertificate: PeerCertificate?
    /// The negotiated protocol version and cipher suite; nil on plaintext connections.
    package let tlsSession: TLSSession?

    private let outbox = Mutex(Outbox())
    private let pipe: NIOLoopBound<ConnectionPipe>

    init(
        channel: any Channel, pipe: ConnectionPipe, name: String, authentication: Authentication,
        peerCertificate: PeerCertificate?, tlsSession: TLSSession?
    ) {
        eventLoop = channel.eventLoop
        self.pipe = NIOLoopBound(pipe, eventLoop: channel.eventLoop)
        self.name = name
        peerAddress = channel.remoteAddress?.text ?? "unknown"
        peerHost = channel.remoteAddress?.host ?? "unknown"
        localAddress = channel.localAddress?.text ?? "unknown"
        self.authentication = authentication
        self.peerCertificate = peerCertificate
        self.tlsSession = tlsSession
    }

    /// Whom the peer acts for; ``KafkaPrincipal/anonymous`` as long as authentication is awaited.
    package var principal: KafkaPrincipal {
        guard case .established(let principal) = authentication else { return .anonymous }
        return principal
    }

    /// Bytes given to ``send(_:)`` that the operating system has not taken yet, about.
    package var unsentBytes: Int { outbox.withLock { $0.unsentBytes } }

    /// Takes frames of this size from now on; for a peer that has shown who it is. On the event loop only.
    package func allowFrames(ofBytes size: Int) { pipe.value.allowFrames(ofBytes: size) }

    /// Sends pieces in order; from any thread. Bytes are sent as they are: a frame's length is part of them.
    ///
    /// What several calls bring before the event loop gets to it crosses over together and is flushed once. After the
    /// end it is dropped.
    package func send(_ pieces: [RecordBytes]) {
        let count = pieces.reduce(0) { $0 + $1.count }
        let mustDrain = outbox.withLock { outbox in
            outbox.pieces.append(contentsOf: pieces)
            outbox.unsentBytes += count
            defer { outbox.isDrainAhead = true }
            return !outbox.isDrainAhead
        }
        guard mustDrain else { return }
        if eventLoop.inEventLoop {
            pipe.value.outboxFilled()
        } else {
            eventLoop.execute { self.pipe.value.outboxFilled() }
        }
    }

    /// Sends one buffer; see ``send(_:)-([RecordBytes])``.
    package func send(_ buffer: ByteBuffer) { send([.inMemory(buffer)]) }

    /// Ends the connection; from any thread, any number of times. Only ``CloseReason/ended`` waits until what was sent
    /// before has been delivered.
    package func close(_ reason: CloseReason) {
        if eventLoop.inEventLoop {
            pipe.value.close(reason)
        } else {
            eventLoop.execute { self.pipe.value.close(reason) }
        }
    }

    /// Stops reading from the socket until ``resumeReading()``, so that the peer has to wait; from any thread. Frames
    /// that have been read are still handed over.
    package func pauseReading() { setPausedByHandler(true) }

    package func resumeReading() { setPausedByHandler(false) }

    private func setPausedByHandler(_ isPaused: Bool) {
        if eventLoop.inEventLoop {
            pipe.value.setPausedByHandler(isPaused)
        } else {
            eventLoop.execute { self.pipe.value.setPausedByHandler(isPaused) }
        }
    }

    /// Takes what was sent since the last time.
    func takeOutbox() -> [RecordBytes] {
        outbox.withLock { outbox in
            defer { outbox.pieces = [] }
            outbox.isDrainAhead = false
            return outbox.pieces
        }
    }

    /// The loop tells how many bytes are off its hands. Returns what is unsent now.
    @discardableResult
    func delivered(_ count: Int) -> Int {
        outbox.withLock { outbox in
            outbox.unsentBytes -= count
            return outbox.unsentBytes
        }
    }
}

/// A peer's certificate after it has been verified.
package struct PeerCertificate: Sendable, Equatable {
    /// Names as RFC 2253 writes them: `CN=alice,O=Example`.
    package var subject: String
    package var issuer: String
}

/// What a TLS handshake agreed on.
package struct TLSSession: Sendable, Equatable {
    /// `TLSv1.2` or `TLSv1.3`.
    package var version: String
    /// OpenSSL's name.
    package var cipherSuite: String
}
