/// A command of four letters that a connection sends instead of a first frame. The answer is text; then the connection
/// closes.
package enum FourLetterWord: String, Sendable, CaseIterable {
    /// Is it alive?
    case ruok
    case srvr
    case stat
    case mntr
    case conf
    case cons
    case dump
    case wchs
    case wchc
    case wchp
    /// Is it read-only?
    case isro
    case envi
    case dirs
    case srst
    case crst
    case hash
    /// Tells the trace mask.
    case gtmk
    /// Sets it, to the eight bytes behind the word.
    case stmk

    /// Apache ZooKeeper's default is `srvr` alone, which leaves probes and monitoring without answers. Those here tell
    /// no secrets and cost little.
    package static let enabledByDefault: Set<FourLetterWord> = [
        .ruok, .srvr, .stat, .mntr, .conf, .cons, .dump, .wchs, .isro, .envi,
    ]

    /// As the first four bytes of a connection, in network byte order.
    package var bytes: UInt32 { rawValue.utf8.reduce(0) { $0 << 8 | UInt32($1) } }

    private static let byBytes = Dictionary(uniqueKeysWithValues: allCases.map { ($0.bytes, $0) })

    package init?(bytes: UInt32) {
        guard let word = Self.byBytes[bytes] else { return nil }
        self = word
    }
}
