import CoordinatorKernel
import NIOCore
import Platform
import Transport

/// The thread that looks at clients' tokens of SASL: Kerberos reads and writes files and asks name servers meanwhile,
/// which must hold up neither the kernel nor an event loop.
final class AuthenticationThread: Sendable {
    private enum Message: Sendable {
        case token(ConnectionID, ByteBuffer)
        case gone(ConnectionID)
        case stop
    }

    private let mailbox = Mailbox<Message>()
    private let thread: OwnThread

    /// - Parameter found: called by the thread, once for each token.
    init(_ settings: SASLSettings, found: @escaping @Sendable (ConnectionID, SASLOutcome) -> Void) {
        if let keytab = settings.kerberos?.keytab { KerberosKeytab.use(keytab) }
        thread = OwnThread(name: "authentication") { [mailbox] in
            var exchanges = ClientExchanges(settings)
            while true {
                for message in mailbox.take(waitingAtMost: .seconds(3600)) {
                    switch message {
                    case .token(let id, let token): found(id, exchanges.take(token, from: id))
                    case .gone(let id): exchanges.forget(id)
                    case .stop: return
                    }
                }
            }
        }
    }

    func take(_ token: ByteBuffer, from id: ConnectionID) { mailbox.post(.token(id, token)) }

    /// Nothing more comes from a connection.
    func forget(_ id: ConnectionID) { mailbox.post(.gone(id)) }

    /// Returns when the tokens queued before have been looked at.
    func stop() {
        mailbox.post(.stop)
        thread.join()
    }
}
