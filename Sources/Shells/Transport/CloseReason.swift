/// Why a connection ended.
package enum CloseReason: Sendable, Equatable, CustomStringConvertible {
    /// The peer closed its side.
    case endedByPeer
    /// We are done with it. What was sent before is delivered first.
    case ended
    /// The peer sent what makes no sense; the text says what. Closes at once, with one log line.
    case badInput(String)
    /// TLS could not be established or broke; the text says why.
    case insecure(String)
    /// Nothing was read or written for that long.
    case idle(Duration)
    /// The operating system failed the connection, or a file that was to be sent could not be read.
    case failed(String)
    /// The listener or the process ends.
    case shutDown

    package var description: String {
        switch self {
        case .endedByPeer: "closed by the peer"
        case .ended: "closed"
        case .badInput(let cause): cause
        case .insecure(let cause): "TLS: \(cause)"
        case .idle(let time): "idle for \(time)"
        case .failed(let cause): cause
        case .shutDown: "shutting down"
        }
    }
}
