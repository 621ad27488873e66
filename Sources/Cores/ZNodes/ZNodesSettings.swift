/// What the tree's decisions depend on besides the tree.
package struct ZNodesSettings: Sendable {
    /// Forty bits.
    static let longestTTLInMilliseconds: Int64 = 0xff_ffff_ffff

    package var checksACLs = true
    /// Whether the tree's digest is kept, which makes changes dearer.
    package var keepsDigest = false
    /// Schemes that access lists may name besides `world` and `auth`.
    package var schemes: Set<String> = ["digest", "ip", "sasl", "x509"]
    package var allowsTTL = false
    /// Whether hard limits of quotas refuse changes; else passing them is only told, as that of soft ones always.
    package var enforcesQuotas = false
    /// Sessions expire on multiples of it.
    package var tickTimeInMilliseconds: Int64 = 3000
    /// How often containers and nodes with a time to live are looked at.
    package var sweepIntervalInMilliseconds: Int64 = 60_000
    /// Containers that never had a child are kept so long after their last change; nil for ever.
    package var longestUnusedTimeInMilliseconds: Int64?
    /// At most so many of them are deleted at once; the rest waits for the next look.
    package var deletionsPerSweep = 10_000

    package init() {}
}
