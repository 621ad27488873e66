import Glibc

/// What the system says of this process, by the names that Prometheus' clients agree on.
package enum ProcessFigures {
    package static var metrics: [Metric] {
        [
            .counter("process_cpu_seconds_total", seconds: cpuSeconds, "User and system CPU time spent, in seconds."),
            .gauge("process_resident_memory_bytes", residentBytes, "Resident memory size in bytes."),
            .gauge("process_open_fds", openFileCount, "Number of open file descriptors."),
            .gauge("process_max_fds", openFileLimit, "Maximum number of open file descriptors."),
        ]
    }

    /// Files and sockets that are open; 0 when that cannot be found out.
    package static var openFileCount: Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Without `.`, `..` and the directory itself.
        return max(0, count - 3)
    }

    package static var openFileLimit: UInt {
        var limit = rlimit()
        return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? limit.rlim_cur : 0
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, CInt(line.count), file) != nil else { return 0 }
        let fields = line.prefix { $0 != 0 }.split(separator: CChar(UInt8(ascii: " ")))
        guard fields.count > 1 else { return 0 }
        let pages = String(decoding: fields[1].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return (Int(pages) ?? 0) * sysconf(CInt(_SC_PAGESIZE))
    }
}
