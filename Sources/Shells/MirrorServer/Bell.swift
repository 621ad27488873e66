import Synchronization

/// Wakes one waiting task. A ring that nobody waits for is heard by the next who does.
final class Bell: Sendable {
    private struct State {
        var isRung = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func ring() {
        let waiting = state.withLock { state in
            let waiting = state.waiting
            state.waiting = nil
            state.isRung = waiting == nil
            return waiting
        }
        waiting?.resume()
    }

    /// Returns at the next ring, after `limit`, or when the task is cancelled.
    func wait(atMost limit: Duration) async {
        let timer = Task {
            // Only cancellation ends the sleep early, and then nobody waits any more.
            do { try await Task.sleep(for: limit) } catch { return }
            self.ring()
        }
        await wait()
        timer.cancel()
    }

    /// Returns at the next ring, or when the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isRung || Task.isCancelled {
                        state.isRung = false
                        return true
                    }
                    precondition(state.waiting == nil, "two tasks wait for one bell")
                    state.waiting = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.ring()
        }
    }
}

/// One bell for each of several waiting tasks, rung together.
final class Bells: Sendable {
    private let bells = Mutex<[Bell]>([])

    /// A bell for one more task.
    func add() -> Bell {
        let bell = Bell()
        bells.withLock { $0.append(bell) }
        return bell
    }

    func ring() {
        for bell in bells.withLock({ $0 }) { bell.ring() }
    }

    /// Rings at every interval, for those who wait for some time to have passed, until the task is cancelled.
    func ring(every interval: Duration) async {
        while await Attempts.pause(interval) { ring() }
    }
}
