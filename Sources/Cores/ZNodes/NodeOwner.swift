/// Whom a node of Apache ZooKeeper goes with, in the one number that its files and digests keep.
package struct NodeOwner: Sendable, Equatable {
    /// 0 for none, a session, or one of the marks below.
    package var rawValue: Int64

    package static let none = NodeOwner(rawValue: 0)
    package static let container = NodeOwner(rawValue: .min)
    private static let ttlMark: UInt64 = 0xff
    private static let ttlBits: Int64 = 0xff_ffff_ffff

    package init(rawValue: Int64) { self.rawValue = rawValue }

    package init(ttl milliseconds: Int64) {
        rawValue = Int64(bitPattern: Self.ttlMark << 56) | (milliseconds & Self.ttlBits)
    }

    init(_ lifetime: ZNode.Lifetime) {
        switch lifetime {
        case .persistent: self = .none
        case .ephemeral(let session): self.init(rawValue: session)
        case .container: self = .container
        case .ttl(let milliseconds): self.init(ttl: milliseconds)
        }
    }

    /// The time to live in milliseconds; nil when the number has not its mark. A server whose own number is 255 gives
    /// sessions such numbers, too, if it keeps no times to live.
    package var ttl: Int64? {
        UInt64(bitPattern: rawValue) >> 48 == Self.ttlMark << 8 ? rawValue & Self.ttlBits : nil
    }
}
