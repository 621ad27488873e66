import Logging
import NIOCore
import Synchronization
import Transport

/// Watches whether another broker's process lives, by a connection that carries nothing.
///
/// dialling ⇄ standing —(it breaks)→ doubting —(connected)→ standing
///                                      │ refused `refusalsThatTell` times: told dead,
///                                      └→ and told again at each further refusal
///
/// A process that dies takes its sockets along: its end breaks the connection at once, and its machine then refuses
/// new ones, long before the broker's session expires. Any other trouble tells nothing: the session decides then.
/// A connection that never stood tells nothing either, so that a path that always refuses accuses nobody again and
/// again.
final class PeerVigil: ConnectionHandler, Sendable {
    private static let refusalsThatTell = 3
    private static let pauseInDoubt = TimeAmount.milliseconds(50)
    private static let pauseOtherwise = TimeAmount.seconds(1)

    private struct State {
        var connection: Connection?
        /// Refusals since the connection broke; nil while nothing is suspected.
        var refusals: Int?
        var hasEnded = false
    }

    private let settings: ConnectSettings
    private let group: any EventLoopGroup
    private let logger: Logger
    private let isDead: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameter isDead: called when the process is found dead; must not block.
    init(
        _ settings: ConnectSettings, on group: any EventLoopGroup, logger: Logger,
        isDead: @escaping @Sendable () -> Void
    ) {
        self.settings = settings
        self.group = group
        self.logger = logger
        self.isDead = isDead
        dial()
    }

    func end() {
        let connection = state.withLock { state in
            state.hasEnded = true
            return state.connection
        }
        connection?.close(.ended)
    }

    private func dial() {
        guard !state.withLock({ $0.hasEnded }) else { return }
        Task {
            do {
                _ = try await Connector.connect(settings, on: group, logger: logger) { connection in
                    self.stands(connection)
                    return self
                }
            } catch {
                failed(isRefused: (error as? Connector.Failure)?.isRefused ?? false)
            }
        }
    }

    private func stands(_ connection: Connection) {
        let isWanted = state.withLock { state in
            state.connection = connection
            state.refusals = nil
            return !state.hasEnded
        }
        if !isWanted { connection.close(.ended) }
    }

    private func failed(isRefused: Bool) {
        let refusals: Int = state.withLock { state in
            state.refusals = isRefused ? state.refusals.map { $0 + 1 } : nil
            return state.refusals ?? 0
        }
        if refusals >= Self.refusalsThatTell { isDead() }
        let isDoubtful = (1..<Self.refusalsThatTell).contains(refusals)
        group.next().scheduleTask(in: isDoubtful ? Self.pauseInDoubt : Self.pauseOtherwise) { self.dial() }
    }

    // MARK: - ConnectionHandler

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        connection.close(.badInput("an answer that nobody asked for"))
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        state.withLock { state in
            state.connection = nil
            state.refusals = 0
        }
        dial()
    }
}
