import NIOCore

/// One change as the ensemble agrees on it.
package struct QuorumEntry: Sendable, Equatable {
    /// The leader's epoch in the upper half, counted by it in the lower. The same zxid stands behind the same entries in
    /// every log.
    package var zxid: Int64
    /// The coded change.
    package var record: ByteBuffer
    /// The ensemble from here on, when this entry changes it.
    package var membership: Membership?

    package init(zxid: Int64, record: ByteBuffer, membership: Membership? = nil) {
        self.zxid = zxid
        self.record = record
        self.membership = membership
    }
}

/// How epochs stand in zxids.
package enum Epoch {
    /// The zxid of the entry by which the leader of `epoch` begins.
    package static func opening(_ epoch: Int32) -> Int64 { Int64(epoch) << 32 }

    package static func of(zxid: Int64) -> Int32 { Int32(truncatingIfNeeded: zxid >> 32) }

    /// A leader ends its epoch before it has counted so far: the lower half of a zxid, full.
    package static let lastCount: Int64 = 0xffff_ffff
}
