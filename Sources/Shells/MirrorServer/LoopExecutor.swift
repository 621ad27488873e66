import NIOCore

/// Runs tasks on a network loop. One that waits for answers from there goes on with each on the thread that has read it,
/// while it lies in that core's caches, and no other thread has to be woken.
///
/// It holds up what else comes in on the loop: a task on it must be short between its waits.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
