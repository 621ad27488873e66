import Synchronization
import ZooKeeperProtocol

/// Requests that were given together, and whoever waits for all their replies.
final class RequestBatch: Sendable {
    private struct State {
        var results: [Result<ZooKeeperReply, CoordinatorError>?]
        var left: Int
    }

    private let state: Mutex<State>
    private let continuation: CheckedContinuation<[Result<ZooKeeperReply, CoordinatorError>], Never>

    /// `count` must not be 0.
    init(count: Int, _ continuation: CheckedContinuation<[Result<ZooKeeperReply, CoordinatorError>], Never>) {
        state = Mutex(State(results: Array(repeating: nil, count: count), left: count))
        self.continuation = continuation
    }

    /// Each index is answered once; the last answer wakes who waits.
    func answer(_ index: Int, _ result: Result<ZooKeeperReply, CoordinatorError>) {
        let all = state.withLock { state -> [Result<ZooKeeperReply, CoordinatorError>]? in
            precondition(state.results[index] == nil, "request \(index) of a batch was answered twice")
            state.results[index] = result
            state.left -= 1
            return state.left == 0 ? state.results.compactMap { $0 } : nil
        }
        if let all { continuation.resume(returning: all) }
    }
}
