import Glibc
import ZooKeeperProtocol

/// A node's facts as zkCli prints them.
enum StatText {
    static func lines(_ stat: Stat) -> [String] {
        [
            "cZxid = \(hexadecimal(stat.czxid))", "ctime = \(time(stat.ctime))", "mZxid = \(hexadecimal(stat.mzxid))",
            "mtime = \(time(stat.mtime))", "pZxid = \(hexadecimal(stat.pzxid))", "cversion = \(stat.cversion)",
            "dataVersion = \(stat.version)", "aclVersion = \(stat.aversion)",
            "ephemeralOwner = \(hexadecimal(stat.ephemeralOwner))", "dataLength = \(stat.dataLength)",
            "numChildren = \(stat.numChildren)",
        ]
    }

    private static func hexadecimal(_ number: Int64) -> String {
        "0x" + String(UInt64(bitPattern: number), radix: 16)
    }

    /// `Sat Nov 21 14:27:06 UTC 2026`, where this process is.
    static func time(_ unixMilliseconds: Int64) -> String {
        var seconds = time_t(unixMilliseconds / 1000)
        if unixMilliseconds < 0, unixMilliseconds % 1000 != 0 { seconds -= 1 }
        var parts = tm()
        localtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%a %b %d %H:%M:%S %Z %Y", &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
