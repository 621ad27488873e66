import NIOCore
import NIOPosix
import Testing

/// Runs the tests of a suite on threads of their own, one for each core.
///
/// A simulation computes for seconds without a pause. On the threads that all tests share it would keep those waiting
/// that work with sockets and clocks, until they give up.
struct ThreadsOfTheirOwn: SuiteTrait, TestTrait, TestScoping {
    private final class Threads: TaskExecutor {
        static let all = Threads()
        private let pool = NIOThreadPool(numberOfThreads: System.coreCount)

        private init() { pool.start() }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            pool.submit { [self] _ in job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }

    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(Threads.all) { try await function() }
    }
}

extension Trait where Self == ThreadsOfTheirOwn {
    static var threadsOfTheirOwn: Self { Self() }
}
