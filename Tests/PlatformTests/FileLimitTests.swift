import Glibc
import Platform
import Testing

@Suite struct FileLimitTests {
    @Test func theSoftLimitBecomesTheHardOne() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #expect(FileLimit.raise() == limit.rlim_max)
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #expect(limit.rlim_cur == limit.rlim_max)
    }
}
