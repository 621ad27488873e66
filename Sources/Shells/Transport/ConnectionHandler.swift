import NIOCore

/// What reads a connection's frames. All calls come on the connection's event loop, one after the other, so an
/// implementation keeps plain state; it never waits for a disk or another thread.
package protocol ConnectionHandler: AnyObject {
    /// All frames that one burst of reading completed, in order, without their lengths. They share memory with each
    /// other: what is kept for long is better copied.
    func received(_ frames: [ByteBuffer], on connection: Connection)

    /// Asked once, when the connection's first four bytes have come (they may be the first frame's length). Answering
    /// true takes the connection out of framing: what else the peer sends is handed over as it comes, and the
    /// handler sends what it likes and closes with ``CloseReason/ended``.
    func takesOver(firstFourBytes: UInt32, on connection: Connection) -> Bool

    /// Bytes that came behind the first four of a connection that was taken over, in order.
    func receivedUnframed(_ bytes: ByteBuffer, on connection: Connection)

    /// Unsent bytes have fallen below half of the bound after having exceeded it. Reading goes on by itself; this
    /// tells who produces bytes without being asked.
    func drained(_ connection: Connection)

    /// The last call.
    func closed(_ connection: Connection, _ reason: CloseReason)
}

extension ConnectionHandler {
    package func takesOver(firstFourBytes: UInt32, on connection: Connection) -> Bool { false }
    package func receivedUnframed(_ bytes: ByteBuffer, on connection: Connection) {}
    package func drained(_ connection: Connection) {}
}
