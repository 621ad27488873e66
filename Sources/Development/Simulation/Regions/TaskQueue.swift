/// Runs the tasks of a simulation on the thread that calls it, in the order in which they can go on: so what is written
/// as tasks happens alike in every process.
final class TaskQueue: TaskExecutor, @unchecked Sendable {
    /// Only the thread of the simulation touches it.
    private var jobs: [UnownedJob] = []

    func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

    /// Until every task waits for something.
    func runAll() {
        var next = 0
        while next < jobs.count {
            let job = jobs[next]
            job.runSynchronously(on: asUnownedTaskExecutor())
            next += 1
        }
        jobs.removeAll(keepingCapacity: true)
    }

    /// Begins a task of this thread.
    func begin(_ body: @escaping () async -> Void) {
        let body = OnOneThread(value: body)
        Task(executorPreference: self) { await body.value() }
    }

    /// What no other thread ever sees.
    private struct OnOneThread<Value>: @unchecked Sendable {
        let value: Value
    }
}
