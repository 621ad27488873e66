import Glibc

/// How many files and connections this process may have open.
package enum FileLimit {
    /// Raises the limit as far as the system allows without asking anybody: the usual one, 1024, is for shells, and a
    /// broker has three files to a partition. Returns the limit that holds now.
    @discardableResult
    package static func raise() -> UInt {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        guard limit.rlim_cur < limit.rlim_max else { return limit.rlim_cur }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        return setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? limit.rlim_cur : before
    }
}
