import CoordinatorKernel
import NIOCore
import Platform
import Transport

/// A client's connection on its event loop: passes what comes on to the coordinator's thread.
final class ClientHandler: ConnectionHandler {
    private let id: ConnectionID
    private let mailbox: Mailbox<CoordinatorThread.Message>
    private let throttle: Throttle
    private var words: WordDesk

    init(
        id: ConnectionID, connection: Connection, mailbox: Mailbox<CoordinatorThread.Message>, throttle: Throttle,
        words: WordDesk
    ) {
        self.id = id
        self.mailbox = mailbox
        self.throttle = throttle
        self.words = words
        mailbox.post(.connected(id, connection))
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        throttle.arrived(frames.count, on: connection)
        mailbox.post(.received(id, frames))
    }

    func takesOver(firstFourBytes: UInt32, on connection: Connection) -> Bool {
        guard let word = FourLetterWord(bytes: firstFourBytes) else { return false }
        words.answer(word, on: connection)
        return true
    }

    func receivedUnframed(_ bytes: ByteBuffer, on connection: Connection) { words.received(bytes, on: connection) }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        mailbox.post(.disconnected(id))
    }
}
