import NIOCore

/// One change as the transaction log keeps it.
package struct LogEntry: Sendable, Equatable {
    /// Ascending in the log, not necessarily by one.
    package var zxid: Int64
    /// The coded record.
    package var record: ByteBuffer

    package init(zxid: Int64, record: ByteBuffer) {
        self.zxid = zxid
        self.record = record
    }
}
