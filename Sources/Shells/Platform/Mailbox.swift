import Glibc

/// Messages on their way to one thread: any thread posts, the owner takes all that has come at once.
///
/// Messages are taken in the order in which they were posted. A post wakes the owner only when it sleeps, so that a
/// busy owner costs its posters no system call.
package final class Mailbox<Message: Sendable>: @unchecked Sendable {
    // Guarded by `mutex`.
    private var messages: [Message] = []
    private var isWaiting = false

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    package func post(_ message: Message) {
        pthread_mutex_lock(mutex)
        messages.append(message)
        let wakes = isWaiting
        isWaiting = false
        pthread_mutex_unlock(mutex)
        if wakes { pthread_cond_signal(condition) }
    }

    /// Takes all messages, waiting for the first one at most `patience`; empty when none came. For the owner only.
    package func take(waitingAtMost patience: Duration) -> [Message] {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if messages.isEmpty && patience > .zero {
            var deadline = timespec()
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            let (seconds, attoseconds) = patience.components
            deadline.tv_sec += min(Int(seconds), 1 << 30)
            deadline.tv_nsec += Int(attoseconds / 1_000_000_000)
            if deadline.tv_nsec >= 1_000_000_000 {
                deadline.tv_sec += 1
                deadline.tv_nsec -= 1_000_000_000
            }
            isWaiting = true
            while messages.isEmpty {
                if pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT { break }
            }
            isWaiting = false
        }
        defer { messages = [] }
        return messages
    }
}
