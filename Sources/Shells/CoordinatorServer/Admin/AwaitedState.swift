import CoordinatorKernel
import Platform
import ZNodes

/// The state as it was when an operator asked for it, until nothing of it can be taken back.
struct AwaitedState {
    private let state: TreeState
    private let epoch: Int32
    private let answer: Mailbox<TreeState?>

    init(_ kernel: CoordinatorKernel, _ answer: Mailbox<TreeState?>) {
        state = kernel.state
        epoch = kernel.epoch
        self.answer = answer
    }

    /// Answers if that is possible by now: with nil when there is no such state any more, for a leader has been deposed.
    func isAnswered(by kernel: CoordinatorKernel) -> Bool {
        guard kernel.role.isServing, kernel.epoch == epoch, kernel.lastZxid >= state.lastZxid else {
            answer.post(nil)
            return true
        }
        guard kernel.committedZxid >= state.lastZxid else { return false }
        answer.post(state)
        return true
    }
}
