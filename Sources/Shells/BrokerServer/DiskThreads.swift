import BrokerKernel
import Platform
import Seams

/// Threads that do a shard's slow work on the disk: some flush, one compacts, one copies logs from directory to
/// directory, one digests.
final class DiskThreads: Sendable {
    /// A file system's journal takes what several of them wait for in one go.
    private static let flushThreads = 8

    /// Those of one partition go to one thread.
    private let flushes = (0..<flushThreads).map { _ in Mailbox<DiskJob?>() }
    private let compactions = Mailbox<DiskJob?>()
    private let copies = Mailbox<DiskJob?>()
    private let digests = Mailbox<DiskJob?>()
    private let threads: [OwnThread]

    /// - Parameters:
    ///   - bytesPerSecond: what compaction may read and write.
    ///   - tell: called on any of the threads.
    init(bytesPerSecond: Double, clock: SystemClock, tell: @escaping @Sendable (DiskNews) -> Void) {
        let (compactions, copies, digests) = (compactions, copies, digests)
        threads =
            flushes.map { jobs in OwnThread(name: "flush") { Self.run(jobs, pace: { _ in }, tell) } } + [
                OwnThread(name: "compact") {
                    var pace = Pace(bytesPerSecond: bytesPerSecond, clock: clock)
                    Self.run(compactions, pace: { pace.use($0) }, tell)
                },
                OwnThread(name: "copy") { Self.run(copies, pace: { _ in }, tell) },
                OwnThread(name: "digest") { Self.run(digests, pace: { _ in }, tell) },
            ]
    }

    func post(_ job: DiskJob) {
        switch job {
        case .flush(let partition, _): flushes[Int(partition.hashValue.magnitude % UInt(flushes.count))].post(job)
        case .compact: compactions.post(job)
        case .copy: copies.post(job)
        case .digest: digests.post(job)
        }
    }

    /// Lets the threads end what they do and waits for them; the kernel has cancelled what takes long.
    func stop() {
        for thread in flushes { thread.post(nil) }
        compactions.post(nil)
        copies.post(nil)
        digests.post(nil)
        for thread in threads { thread.join() }
    }

    private static func run(_ jobs: Mailbox<DiskJob?>, pace: (Int) -> Void, _ tell: (DiskNews) -> Void) {
        while true {
            for job in jobs.take(waitingAtMost: .seconds(3600)) {
                guard let job else { return }
                job.perform(pace: pace, tell: tell)
            }
        }
    }
}

/// Makes who uses bytes wait, so that they are no more than so many a second.
private struct Pace {
    /// What may be used at once.
    private static let burst = Duration.milliseconds(100)

    let bytesPerSecond: Double
    let clock: SystemClock
    private var paidUntil: Instant

    init(bytesPerSecond: Double, clock: SystemClock) {
        self.bytesPerSecond = bytesPerSecond
        self.clock = clock
        paidUntil = clock.now()
    }

    mutating func use(_ count: Int) {
        guard bytesPerSecond < .greatestFiniteMagnitude else { return }
        let now = clock.now()
        paidUntil = max(paidUntil, now) + .seconds(Double(count) / bytesPerSecond)
        let ahead = paidUntil - now
        if ahead > Self.burst { sleepThread(ahead) }
    }
}
