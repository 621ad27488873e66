import ArgumentParser
import Glibc

/// The processor time that a process of this machine has used.
struct ProcessClock {
    private let clock: clockid_t

    init(pid: Int32) throws {
        var clock = clockid_t()
        guard clock_getcpuclockid(pid, &clock) == 0 else { throw CommandFailure("there is no process \(pid)") }
        self.clock = clock
    }

    /// User and system time of all threads, those that have ended included.
    func seconds() throws -> Double {
        var time = timespec()
        guard clock_gettime(clock, &time) == 0 else { throw CommandFailure("the process has ended") }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
