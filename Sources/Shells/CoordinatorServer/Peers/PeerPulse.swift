import NIOCore
import Synchronization
import Transport

/// Lets both ends of a link say that they are alive, by empty frames, and ends a link on which nothing is heard.
///
/// Left to the operating system, a link over a cut network would last for a quarter of an hour, repeating what is not
/// acknowledged ever more slowly, and might end with an error that the event loops take for a fault of the program.
final class PeerPulse: Sendable {
    private static let interval = TimeAmount.seconds(1)
    private static let longestSilence = TimeAmount.seconds(3)

    private let lastHeard = Mutex(NIODeadline.now())
    private let beat = Mutex<RepeatedTask?>(nil)

    /// Begins to send on `connection`, and to expect something from it.
    init(_ connection: Connection) {
        let task = connection.eventLoop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) {
            [weak self] _ in
            guard let self else { return }
            if NIODeadline.now() - lastHeard.withLock({ $0 }) > Self.longestSilence {
                connection.close(.failed("nothing is heard of the member"))
            } else {
                connection.send(ByteBuffer(integer: UInt32(0)))
            }
        }
        beat.withLock { $0 = task }
    }

    func heard() { lastHeard.withLock { $0 = .now() } }

    func stop() { beat.withLock { $0?.cancel() } }
}
