import Platform
import Seams

/// The thread that answers operators: four-letter words and HTTP. It looks at the kernel through the kernel's thread,
/// for as long as it takes to copy what is asked for; texts are made, directories listed and slow kernels waited for
/// here.
final class InquiryThread: Sendable {
    private enum Message: Sendable {
        case answer(@Sendable (KernelWindow) -> Void)
        case stop
    }

    private let mailbox = Mailbox<Message>()
    private let thread: OwnThread

    init(_ kernel: Mailbox<CoordinatorThread.Message>, name: String) {
        thread = OwnThread(name: name) { [mailbox] in
            let window = KernelWindow(mailbox: kernel)
            while true {
                for message in mailbox.take(waitingAtMost: .seconds(3600)) {
                    guard case .answer(let answer) = message else { return }
                    answer(window)
                }
            }
        }
    }

    /// Lets `answer` run on this thread, after those before it.
    func post(_ answer: @escaping @Sendable (KernelWindow) -> Void) { mailbox.post(.answer(answer)) }

    /// Returns when all that was posted before has been answered. The kernel's thread must still run.
    func stop() {
        mailbox.post(.stop)
        thread.join()
    }
}

/// How the kernel is seen from another thread.
struct KernelWindow: Sendable {
    /// A kernel that does not answer for so long does not serve its clients either.
    private static let patience = Duration.seconds(3)

    let mailbox: Mailbox<CoordinatorThread.Message>

    /// Runs `read` on the kernel's thread, between two turns; nil when that thread does not answer in time or has seen
    /// its disk fail.
    func look<Seen: Sendable>(_ read: @escaping @Sendable (inout CoordinatorLoop, Instant) -> Seen) -> Seen? {
        let answer = Mailbox<Seen?>()
        mailbox.post(.asked { loop, now in answer.post(loop.hasFailed ? nil : read(&loop, now)) })
        return answer.take(waitingAtMost: Self.patience).first ?? nil
    }

    /// Like ``look(_:)``; nil also while no client is served.
    func lookIfServing<Seen: Sendable>(
        _ read: @escaping @Sendable (inout CoordinatorLoop, Instant) -> Seen
    ) -> Seen? {
        look { loop, now in loop.kernel.role.isServing ? read(&loop, now) : nil } ?? nil
    }
}
